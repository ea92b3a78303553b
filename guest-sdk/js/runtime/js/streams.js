// The web's streams. Bodies come whole, so that a stream is mostly one piece; what programs build upon it works as well.

class Queue {
  chunks = [];
  waiting = [];
  state = 'open';
  error = undefined;
  push(chunk) {
    const reader = this.waiting.shift();
    if (reader) reader.resolve({ value: chunk, done: false });
    else this.chunks.push(chunk);
  }
  close() {
    if (this.state !== 'open') return;
    this.state = 'closed';
    for (const reader of this.waiting.splice(0)) reader.resolve({ value: undefined, done: true });
  }
  fail(error) {
    if (this.state !== 'open') return;
    this.state = 'errored';
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
    this.closed = new Promise(() => {});
  }
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
  async cancel(reason) { this.#queue.close(); return this.#stream.cancel(reason); }
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
    this.#queue.close();
    this.#queue.chunks = [];
    await this.#source.cancel?.(reason);
  }
  async *values() {
    const reader = this.getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      reader.releaseLock();
    }
  }
  [Symbol.asyncIterator]() { return this.values(); }
  pipeThrough({ readable, writable }) {
    this.pipeTo(writable).catch(() => {});
    return readable;
  }
  async pipeTo(target) {
    const writer = target.getWriter();
    try {
      for await (const chunk of this) await writer.write(chunk);
    } catch (error) {
      await writer.abort(error);
      throw error;
    }
    await writer.close();
  }
  tee() {
    const reader = this.getReader();
    const controllers = [];
    const pull = async () => {
      const { value, done } = await reader.read();
      for (const controller of controllers) {
        if (done) controller.close();
        else controller.enqueue(value);
      }
    };
    const branch = () => new ReadableStream({ start(controller) { controllers.push(controller); }, pull });
    return [branch(), branch()];
  }
  static from(values) {
    const iterator = values[Symbol.asyncIterator]?.() ?? values[Symbol.iterator]();
    return new ReadableStream({
      async pull(controller) {
        const { value, done } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(await value);
      },
    });
  }
}

class WritableStreamDefaultWriter {
  #stream;
  ready = Promise.resolve();
  desiredSize = 1;
  constructor(stream) { this.#stream = stream; this.closed = new Promise(() => {}); }
  write(chunk) { return this.#stream.write(chunk); }
  close() { return this.#stream.close(); }
  abort(reason) { return this.#stream.abort(reason); }
  releaseLock() {}
}

class Sink {
  constructor(sink) {
    this.sink = sink;
    this.last = Promise.resolve(sink.start?.({ error: (error) => { this.error = error; } }));
  }
  #then(what) {
    this.last = this.last.then(() => {
      if (this.error) throw this.error;
      return what();
    });
    return this.last;
  }
  write(chunk) { return this.#then(() => this.sink.write?.(chunk, { error: (error) => { this.error = error; } })); }
  close() { return this.#then(() => this.sink.close?.()); }
  async abort(reason) { await this.sink.abort?.(reason); }
}

export class WritableStream {
  #sink; #isLocked = false;
  constructor(sink = {}) { this.#sink = new Sink(sink); }
  get locked() { return this.#isLocked; }
  getWriter() {
    this.#isLocked = true;
    return new WritableStreamDefaultWriter(this.#sink);
  }
  close() { return this.#sink.close(); }
  abort(reason) { return this.#sink.abort(reason); }
}

export class TransformStream {
  constructor(transformer = {}) {
    let controller;
    this.readable = new ReadableStream({ start(given) { controller = given; } });
    const inner = {
      enqueue: (chunk) => controller.enqueue(chunk),
      terminate: () => controller.close(),
      error: (error) => controller.error(error),
      get desiredSize() { return controller.desiredSize; },
    };
    const transform = transformer.transform?.bind(transformer) ?? ((chunk, to) => to.enqueue(chunk));
    this.writable = new WritableStream({
      start: () => transformer.start?.(inner),
      write: (chunk) => transform(chunk, inner),
      close: async () => { await transformer.flush?.(inner); controller.close(); },
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
