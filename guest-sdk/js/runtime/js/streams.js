// The web's streams. A body arrives as a whole, so its stream usually has one chunk. Streams that programs make also work.

class Queue {
  chunks = [];
  waiting = [];
  state = 'open';
  error = undefined;
  ended = Promise.withResolvers();
  constructor() {
    // The rejection is marked as handled: a program that does not read `closed` gets no report of it.
    this.ended.promise.catch(() => {});
  }
  push(chunk) {
    const reader = this.waiting.shift();
    if (reader) reader.resolve({ value: chunk, done: false });
    else this.chunks.push(chunk);
  }
  close() {
    if (this.state !== 'open') return;
    this.state = 'closed';
    this.ended.resolve();
    for (const reader of this.waiting.splice(0)) reader.resolve({ value: undefined, done: true });
  }
  fail(error) {
    if (this.state !== 'open') return;
    this.state = 'errored';
    this.ended.reject(error);
    this.error = error;
    this.chunks = [];
    for (const reader of this.waiting.splice(0)) reader.reject(error);
  }
}

class ReadableStreamDefaultController {
  #queue;
  constructor(queue) { this.#queue = queue; }
  get desiredSize() { return this.#queue.state === 'open' ? Math.max(0, 1 - this.#queue.chunks.length) : 0; }
  get byobRequest() { return null; }
  enqueue(chunk) {
    if (this.#queue.state !== 'open') throw new TypeError('the stream is closed');
    this.#queue.push(chunk);
  }
  close() { this.#queue.close(); }
  error(error) { this.#queue.fail(error); }
}

class ReadableStreamDefaultReader {
  #stream; #queue; #pull;
  constructor(stream) {
    if (stream.locked) throw new TypeError('the stream is locked by another reader');
    [this.#queue, this.#pull] = parts(stream);
    this.#stream = stream;
    lock(stream, this);
  }
  get closed() { return this.#queue.ended.promise; }
  async read() {
    const queue = this.#queue;
    if (queue.chunks.length) return { value: queue.chunks.shift(), done: false };
    if (queue.state === 'errored') throw queue.error;
    if (queue.state === 'closed') return { value: undefined, done: true };
    const next = new Promise((resolve, reject) => queue.waiting.push({ resolve, reject }));
    this.#pull();
    return next;
  }
  releaseLock() { lock(this.#stream, undefined); }
  cancel(reason) { return this.#stream.cancel(reason); }
}

let parts;
let lock;

export class ReadableStream {
  #queue = new Queue(); #source; #controller; #reader; #isPulling = false; #started;
  static {
    parts = (stream) => [stream.#queue, () => stream.#pull()];
    lock = (stream, reader) => { stream.#reader = reader; };
  }
  constructor(source = {}) {
    this.#source = source;
    this.#controller = new ReadableStreamDefaultController(this.#queue);
    this.#started = Promise.resolve(source.start?.(this.#controller));
    this.#started.catch((error) => this.#queue.fail(error));
  }
  async #pull() {
    if (this.#isPulling || !this.#source.pull) return;
    this.#isPulling = true;
    try {
      await this.#started;
      while (this.#queue.state === 'open' && this.#queue.waiting.length) {
        const before = this.#queue.waiting.length;
        await this.#source.pull(this.#controller);
        if (this.#queue.state === 'open' && this.#queue.waiting.length === before) break;
      }
    } catch (error) {
      this.#queue.fail(error);
    } finally {
      this.#isPulling = false;
    }
  }
  get locked() { return this.#reader !== undefined; }
  getReader() { return new ReadableStreamDefaultReader(this); }
  async cancel(reason) {
    if (this.#queue.state === 'errored') throw this.#queue.error;
    if (this.#queue.state === 'closed' && !this.#queue.chunks.length) return;
    this.#queue.close();
    this.#queue.chunks = [];
    await this.#source.cancel?.(reason);
  }
  /** Iterates over the chunks. Leaving the loop early cancels the stream. */
  async *values({ preventCancel = false } = {}) {
    const reader = this.getReader();
    let isLeft = true;
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) {
          isLeft = false;
          return;
        }
        yield value;
      }
    } catch (error) {
      isLeft = false;
      throw error;
    } finally {
      if (isLeft && !preventCancel) await reader.cancel();
      reader.releaseLock();
    }
  }
  [Symbol.asyncIterator]() { return this.values(); }
  pipeThrough({ readable, writable }, options) {
    this.pipeTo(writable, options).catch(() => {});
    return readable;
  }
  async pipeTo(target, { preventClose = false, preventAbort = false, preventCancel = false, signal } = {}) {
    const reader = this.getReader();
    const writer = target.getWriter();
    const stopped = signal && new Promise((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason));
    });
    try {
      for (;;) {
        const read = reader.read().catch((error) => ({ error }));
        const { value, done, error } = await (stopped ? Promise.race([read, stopped]) : read);
        if (error !== undefined) {
          if (!preventAbort) await writer.abort(error);
          throw error;
        }
        if (done) break;
        await writer.write(value);
      }
      if (!preventClose) await writer.close();
    } catch (error) {
      if (!preventCancel) await reader.cancel(error).catch(() => {});
      if (signal?.aborted && !preventAbort) await writer.abort(error);
      throw error;
    } finally {
      reader.releaseLock();
      writer.releaseLock();
    }
  }
  tee() {
    const reader = this.getReader();
    const branches = [];
    let reading;
    const read = async () => {
      try {
        const { value, done } = await reader.read();
        for (const branch of branches) {
          if (branch.isCancelled) continue;
          if (done) branch.controller.close();
          else branch.controller.enqueue(value);
        }
      } catch (error) {
        for (const branch of branches) branch.controller.error(error);
      }
      reading = undefined;
    };
    const divide = () => {
      const branch = { isCancelled: false };
      branches.push(branch);
      return new ReadableStream({
        start(controller) { branch.controller = controller; },
        // A chunk that one branch reads is given to both, so both wait for the same read.
        pull: () => (reading ??= read()),
        async cancel(reason) {
          branch.isCancelled = true;
          if (branches.every((other) => other.isCancelled)) await reader.cancel(reason);
        },
      });
    };
    return [divide(), divide()];
  }
  static from(values) {
    const iterator = values[Symbol.asyncIterator]?.() ?? values[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(await value);
      },
      async cancel(reason) { await iterator.return?.(reason); },
    });
  }
}

class WritableStreamDefaultWriter {
  #stream; #sink;
  constructor(stream) {
    if (stream.locked) throw new TypeError('the stream is locked by another writer');
    this.#stream = stream;
    this.#sink = sinkOf(stream);
    lockWriter(stream, true);
  }
  get ready() { return this.#sink.last; }
  get closed() { return this.#sink.ended.promise; }
  get desiredSize() { return this.#sink.error ? null : 1; }
  write(chunk) { return this.#sink.write(chunk); }
  close() { return this.#sink.close(); }
  abort(reason) { return this.#sink.abort(reason); }
  releaseLock() { lockWriter(this.#stream, false); }
}

class Sink {
  ended = Promise.withResolvers();
  #failed = false;
  constructor(sink) {
    this.sink = sink;
    this.controller = { error: (error) => this.fail(error), signal: new globalThis.AbortController().signal };
    this.last = Promise.resolve(sink.start?.(this.controller));
    this.last.catch(() => {});
    this.ended.promise.catch(() => {});
  }
  fail(error) {
    if (this.#failed) return;
    this.#failed = true;
    this.error = error;
    this.ended.reject(error);
  }
  #then(what) {
    this.last = this.last.then(() => {
      if (this.#failed) throw this.error;
      return what();
    });
    this.last.catch((error) => this.fail(error));
    return this.last;
  }
  write(chunk) { return this.#then(() => this.sink.write?.(chunk, this.controller)); }
  async close() {
    await this.#then(() => this.sink.close?.());
    this.ended.resolve();
  }
  async abort(reason) {
    if (this.#failed) return;
    this.fail(reason ?? new TypeError('the stream was aborted'));
    await this.sink.abort?.(reason);
  }
}

let sinkOf;
let lockWriter;

export class WritableStream {
  #sink; #isLocked = false;
  static {
    sinkOf = (stream) => stream.#sink;
    lockWriter = (stream, isLocked) => { stream.#isLocked = isLocked; };
  }
  constructor(sink = {}) { this.#sink = new Sink(sink); }
  get locked() { return this.#isLocked; }
  getWriter() { return new WritableStreamDefaultWriter(this); }
  close() { return this.#sink.close(); }
  abort(reason) { return this.#sink.abort(reason); }
}

export class TransformStream {
  constructor(transformer = {}) {
    let controller;
    let writing;
    this.readable = new ReadableStream({
      start(given) { controller = given; },
      // A write that nobody will read is refused, so that the writer stops.
      async cancel(reason) {
        sinkOf(writing).fail(reason ?? new TypeError('the readable side was cancelled'));
        await transformer.cancel?.(reason);
      },
    });
    const inner = {
      enqueue: (chunk) => controller.enqueue(chunk),
      terminate: () => {
        controller.close();
        sinkOf(writing).fail(new TypeError('the stream was terminated'));
      },
      error: (error) => {
        controller.error(error);
        sinkOf(writing).fail(error);
      },
      get desiredSize() { return controller.desiredSize; },
    };
    const transform = transformer.transform?.bind(transformer) ?? ((chunk, to) => to.enqueue(chunk));
    const guarded = async (what) => {
      try {
        await what();
      } catch (error) {
        controller.error(error);
        throw error;
      }
    };
    this.writable = writing = new WritableStream({
      start: () => transformer.start?.(inner),
      write: (chunk) => guarded(() => transform(chunk, inner)),
      close: () => guarded(async () => { await transformer.flush?.(inner); controller.close(); }),
      abort: (reason) => controller.error(reason),
    });
  }
}

class TextDecoderStream extends TransformStream {
  constructor(label, options) {
    const decoder = new globalThis.TextDecoder(label, options);
    super({
      transform(chunk, to) { const text = decoder.decode(chunk, { stream: true }); if (text) to.enqueue(text); },
      flush(to) { const text = decoder.decode(); if (text) to.enqueue(text); },
    });
  }
}

class TextEncoderStream extends TransformStream {
  constructor() { super({ transform(chunk, to) { to.enqueue(new globalThis.TextEncoder().encode(chunk)); } }); }
}

class CountQueuingStrategy {
  constructor({ highWaterMark }) { this.highWaterMark = highWaterMark; }
  size() { return 1; }
}

class ByteLengthQueuingStrategy {
  constructor({ highWaterMark }) { this.highWaterMark = highWaterMark; }
  size(chunk) { return chunk.byteLength; }
}

export const globals = {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader,
  TextDecoderStream, TextEncoderStream, TransformStream, WritableStream, WritableStreamDefaultWriter,
};
