// Node's `stream`, in as much as packages use it: readable, writable, duplex and transform streams, `pipeline` and `finished`.
const { EventEmitter } = require('events');
const { Buffer } = require('buffer');
const { StringDecoder } = require('string_decoder');

const later = (run) => process.nextTick(run);
const failure = (code, message) => Object.assign(new Error(message), { code });
const inherit = (child, parent) => {
  Object.setPrototypeOf(child, parent);
  child.prototype = Object.create(parent.prototype, { constructor: { value: child, writable: true, configurable: true } });
};
const bytesOf = (chunk, encoding) => (typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk instanceof Uint8Array && !Buffer.isBuffer(chunk) ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : chunk);

function Stream() {}
inherit(Stream, EventEmitter);

/** Sends what this stream gives to another, no faster than that one takes it. */
Stream.prototype.pipe = function (target, { end = true } = {}) {
  const waits = () => { if (pipe.isWaiting) { pipe.isWaiting = false; this.resume?.(); } };
  const gives = (chunk) => {
    if (target.write(chunk) !== false) return;
    pipe.isWaiting = true;
    this.pause?.();
  };
  const ends = () => target.end();
  const leave = () => {
    this.off('data', gives).off('end', ends);
    target.off('drain', waits).off('close', leave).off('error', leave);
    this._pipes = this._pipes.filter((other) => other !== pipe);
    target.emit('unpipe', this);
  };
  const pipe = { target, leave, isWaiting: false };
  (this._pipes ??= []).push(pipe);
  this.on('data', gives);
  if (end && target !== process.stdout && target !== process.stderr) this.once('end', ends);
  target.on('drain', waits).once('close', leave).prependOnceListener?.('error', leave);
  target.emit('pipe', this);
  this.resume?.();
  return target;
};

Stream.prototype.unpipe = function (target) {
  for (const pipe of this._pipes ?? []) if (!target || pipe.target === target) pipe.leave();
  return this;
};

/** What both sides have: options that are methods, and an end before its time. */
function prepare(stream, options) {
  for (const name of ['read', 'write', 'writev', 'final', 'destroy', 'transform', 'flush', 'construct']) if (typeof options[name] === 'function') stream[`_${name}`] = options[name];
  stream.destroyed = false;
  stream.closed = false;
  stream._autoDestroy = options.autoDestroy !== false;
  options.signal?.addEventListener('abort', () => stream.destroy(options.signal.reason));
  stream._isReady = !stream._construct;
  if (stream._construct) {
    later(() => stream._construct((error) => {
      stream._isReady = true;
      if (error) stream.destroy(error);
      else { if (stream._readableState) ask(stream); if (stream._writableState) pump(stream); }
    }));
  }
}

Stream.prototype._destroy = (error, done) => done(error);

Stream.prototype.destroy = function (error, done) {
  if (this.destroyed) return this;
  this.destroyed = true;
  this.errored = error ?? null;
  for (const state of [this._readableState, this._writableState]) if (state) Object.assign(state, { destroyed: true, errored: error ?? null });
  this._destroy(error ?? null, (late) => {
    const told = late ?? error;
    later(() => {
      for (const { done: wants } of this._writableState?.waiting.splice(0) ?? []) wants?.(told ?? failure('ERR_STREAM_DESTROYED', 'the stream was destroyed'));
      this.closed = true;
      if (told) this.emit('error', told);
      this.emit('close');
      done?.(told);
    });
  });
  return this;
};

Stream.prototype[Symbol.asyncDispose] = async function () { this.destroy(); };

/** Ends a stream of which both sides have ended. */
function settle(stream) {
  const ended = !stream._readableState || stream._readableState.endEmitted;
  const finished = !stream._writableState || stream._writableState.finished;
  if (ended && finished && stream._autoDestroy) stream.destroy();
}

function Readable(options) {
  if (!(this instanceof Readable)) return new Readable(options);
  readableSide(this, options ?? {});
}
inherit(Readable, Stream);

function readableSide(stream, options) {
  const objectMode = Boolean(options.objectMode || options.readableObjectMode);
  stream._readableState = {
    objectMode, highWaterMark: options.readableHighWaterMark ?? options.highWaterMark ?? (objectMode ? 16 : 65536), buffer: [], length: 0,
    flowing: null, ended: false, isEnding: false, endEmitted: false, reading: false, isTelling: false, decoder: undefined, encoding: null,
  };
  stream.readable = true;
  prepare(stream, options);
  if (options.encoding) stream.setEncoding(options.encoding);
}

Readable.prototype._read = function () { throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'the stream has no method _read'); };

/** Asks for more, where there is room. */
function ask(stream) {
  const state = stream._readableState;
  if (state.reading || state.ended || stream.destroyed || !stream._isReady || state.length >= state.highWaterMark) return;
  state.reading = true;
  try {
    stream._read(state.highWaterMark);
  } catch (error) {
    stream.destroy(error);
  }
}

function take(stream, chunk, encoding, isFirst) {
  const state = stream._readableState;
  state.reading = false;
  if (chunk === null) {
    if (state.ended) return false;
    const rest = state.decoder?.end();
    if (rest) put(state, rest, false);
    state.ended = true;
    tell(stream);
    return false;
  }
  if (state.ended) {
    stream.destroy(failure('ERR_STREAM_PUSH_AFTER_EOF', 'stream.push() after EOF'));
    return false;
  }
  if (!state.objectMode) {
    if (chunk !== undefined && typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      stream.destroy(Object.assign(new TypeError('The "chunk" argument must be of type string or an instance of Buffer or Uint8Array'), { code: 'ERR_INVALID_ARG_TYPE' }));
      return false;
    }
    const bytes = bytesOf(chunk ?? '', encoding);
    chunk = state.decoder ? state.decoder.write(bytes) : bytes;
    if (!chunk.length) {
      later(() => ask(stream));
      return state.length < state.highWaterMark;
    }
  }
  put(state, chunk, isFirst);
  tell(stream);
  return state.length < state.highWaterMark;
}

function put(state, chunk, isFirst) {
  state.length += state.objectMode ? 1 : chunk.length;
  if (isFirst) state.buffer.unshift(chunk);
  else state.buffer.push(chunk);
}

/** Tells whoever listens that there is something, or that there is no more. */
function tell(stream) {
  const state = stream._readableState;
  if (state.isTelling) return;
  state.isTelling = true;
  later(() => {
    state.isTelling = false;
    if (stream.destroyed) return;
    if (state.flowing) flow(stream);
    else {
      if ((state.length || state.ended) && !state.isEnding) stream.emit('readable');
      if (state.ended && !state.length && stream.listenerCount('readable')) finish(stream);
      else if (stream.listenerCount('readable')) ask(stream);
    }
  });
}

function flow(stream) {
  const state = stream._readableState;
  while (state.flowing && !stream.destroyed && stream.read() !== null);
}

function finish(stream) {
  const state = stream._readableState;
  if (state.isEnding || state.length) return;
  state.isEnding = true;
  stream.readable = false;
  later(() => {
    if (stream.destroyed) return;
    state.endEmitted = true;
    stream.emit('end');
    if (stream._writableState && stream.allowHalfOpen === false) stream.end();
    settle(stream);
  });
}

Readable.prototype.push = function (chunk, encoding) { return take(this, chunk, encoding, false); };
Readable.prototype.unshift = function (chunk, encoding) { return take(this, chunk, encoding, true); };

Readable.prototype.read = function (size) {
  const state = this._readableState;
  if (size === 0) { ask(this); return null; }
  if (size > state.highWaterMark) state.highWaterMark = size;
  if (!state.length) ask(this);
  let chunk = null;
  if (state.length) {
    if (state.objectMode) chunk = state.buffer.shift();
    else if (size === undefined && state.flowing) chunk = state.buffer.shift();
    else {
      if (size > state.length && !state.ended) { ask(this); return null; }
      const whole = typeof state.buffer[0] === 'string' ? state.buffer.join('') : state.buffer.length === 1 ? state.buffer[0] : Buffer.concat(state.buffer);
      chunk = size < whole.length ? whole.slice(0, size) : whole;
      state.buffer = size < whole.length ? [whole.slice(size)] : [];
    }
    state.length -= state.objectMode ? 1 : chunk.length;
  }
  ask(this);
  if (chunk === null && state.ended && !state.length) finish(this);
  if (chunk !== null) {
    this.emit('data', chunk);
    if (state.ended && !state.length && !state.flowing) tell(this);
  }
  return chunk;
};

Readable.prototype.on = function (name, listener) {
  EventEmitter.prototype.on.call(this, name, listener);
  const state = this._readableState;
  if (name === 'data' && state.flowing !== false && !this.listenerCount('readable')) this.resume();
  if (name === 'readable') {
    state.flowing = false;
    if (state.length || state.ended) tell(this);
    else later(() => ask(this));
  }
  return this;
};
Readable.prototype.addListener = Readable.prototype.on;

Readable.prototype.resume = function () {
  const state = this._readableState;
  if (!state.flowing) {
    state.flowing = !this.listenerCount('readable');
    later(() => { if (!this.destroyed) { this.emit('resume'); flow(this); } });
  }
  return this;
};
Readable.prototype.pause = function () {
  const state = this._readableState;
  if (state.flowing !== false) { state.flowing = false; this.emit('pause'); }
  return this;
};
Readable.prototype.isPaused = function () { return this._readableState.flowing === false; };
Readable.prototype.setEncoding = function (encoding) {
  const state = this._readableState;
  Object.assign(state, { encoding, decoder: new StringDecoder(encoding) });
  const text = state.buffer.map((part) => state.decoder.write(part)).join('');
  state.buffer = text ? [text] : [];
  state.length = text.length;
  return this;
};
Readable.prototype.wrap = function (old) {
  old.on('data', (chunk) => { if (!this.push(chunk)) old.pause?.(); });
  old.on('end', () => this.push(null));
  old.on('error', (error) => this.destroy(error));
  this._read = () => old.resume?.();
  return this;
};
Readable.prototype[Symbol.asyncIterator] = async function* () {
  let wake;
  let ended;
  const rouse = () => wake?.();
  const leave = finished(this, { writable: false }, (error) => { ended = error ?? null; rouse(); });
  this.on('readable', rouse);
  try {
    for (;;) {
      const chunk = this.destroyed ? null : this.read();
      if (chunk !== null) yield chunk;
      else if (ended) throw ended;
      else if (ended === null) return;
      else await new Promise((resolve) => { wake = resolve; });
    }
  } finally {
    leave();
    this.off('readable', rouse);
    if (ended === undefined || this._autoDestroy) this.destroy();
  }
};
Readable.prototype.iterator = function () { return this[Symbol.asyncIterator](); };

/** The methods that give a stream of what a function makes of each piece. */
const derived = {
  async *map(source, run) { for await (const chunk of source) yield await run(chunk); },
  async *filter(source, run) { for await (const chunk of source) if (await run(chunk)) yield chunk; },
  async *flatMap(source, run) { for await (const chunk of source) yield* await run(chunk); },
  async *take(source, most) { let left = most; if (left > 0) for await (const chunk of source) { yield chunk; if (--left <= 0) return; } },
  async *drop(source, first) { let left = first; for await (const chunk of source) if (left-- <= 0) yield chunk; },
};
for (const [name, make] of Object.entries(derived)) Readable.prototype[name] = function (given) { return Readable.from(make(this, given)); };
Readable.prototype.toArray = async function () { const all = []; for await (const chunk of this) all.push(chunk); return all; };
Readable.prototype.forEach = async function (run) { for await (const chunk of this) await run(chunk); };
Readable.prototype.reduce = async function (run, first) { let sum = first; for await (const chunk of this) sum = sum === undefined ? chunk : await run(sum, chunk); return sum; };

Readable.from = function (values, options) {
  const whole = typeof values === 'string' || values instanceof Uint8Array;
  const iterator = whole ? [values].values() : values[Symbol.asyncIterator]?.() ?? values[Symbol.iterator]();
  return new Readable({
    objectMode: true, highWaterMark: 1, ...options,
    read() {
      Promise.resolve().then(() => iterator.next()).then(async ({ value, done }) => { this.push(done ? null : await value); }).catch((error) => this.destroy(error));
    },
    destroy(error, done) { Promise.resolve(iterator.return?.()).then(() => done(error), (late) => done(error ?? late)); },
  });
};
Readable.fromWeb = (stream, options) => Readable.from(stream, { objectMode: false, ...options });
Readable.toWeb = (stream) => ReadableStream.from(stream);
const flag = (prototype, name, get) => Object.defineProperty(prototype, name, { get, configurable: true });
flag(Readable.prototype, 'readableFlowing', function () { return this._readableState.flowing; });
flag(Readable.prototype, 'readableLength', function () { return this._readableState.length; });
flag(Readable.prototype, 'readableHighWaterMark', function () { return this._readableState.highWaterMark; });
flag(Readable.prototype, 'readableObjectMode', function () { return this._readableState.objectMode; });
flag(Readable.prototype, 'readableEncoding', function () { return this._readableState.encoding; });
flag(Readable.prototype, 'readableEnded', function () { return this._readableState.endEmitted; });

function Writable(options) {
  if (!(this instanceof Writable)) return new Writable(options);
  writableSide(this, options ?? {});
}
inherit(Writable, Stream);
Object.defineProperty(Writable, Symbol.hasInstance, {
  value(object) { return Function.prototype[Symbol.hasInstance].call(this, object) || (this === Writable && Boolean(object?._writableState)); },
});

function writableSide(stream, options) {
  const objectMode = Boolean(options.objectMode || options.writableObjectMode);
  stream._writableState = {
    objectMode, highWaterMark: options.writableHighWaterMark ?? options.highWaterMark ?? (objectMode ? 16 : 65536), waiting: [], length: 0, corked: 0,
    isWriting: false, ending: false, ended: false, isFinal: false, finished: false, needDrain: false,
    isText: options.decodeStrings === false, encoding: options.defaultEncoding ?? 'utf8',
  };
  stream.writable = true;
  if (!stream._readableState) prepare(stream, options);
}

/** Writes what waits, as long as the stream takes it at once. */
function pump(stream) {
  const state = stream._writableState;
  while (state.waiting.length && !state.isWriting && !state.corked && !stream.destroyed && stream._isReady) {
    const many = stream._writev && state.waiting.length > 1 ? state.waiting.splice(0) : [state.waiting.shift()];
    let isSync = true;
    state.isWriting = true;
    const written = (error) => {
      state.isWriting = false;
      for (const { size } of many) state.length -= size;
      const told = () => { for (const { done } of many) done?.(error ?? null); };
      if (isSync) later(told);
      else told();
      if (error) { stream.destroy(error); return; }
      if (!isSync) pump(stream);
    };
    try {
      if (many.length > 1) stream._writev(many.map(({ chunk, encoding }) => ({ chunk, encoding })), written);
      else stream._write(many[0].chunk, many[0].encoding, written);
    } catch (error) {
      written(error);
    }
    isSync = false;
  }
  if (state.isWriting || stream.destroyed) return;
  if (state.needDrain && !state.length && !state.ending) {
    state.needDrain = false;
    later(() => stream.emit('drain'));
  }
  if (state.ending && !state.waiting.length && !state.isFinal && stream._isReady) conclude(stream);
}

function conclude(stream) {
  const state = stream._writableState;
  state.isFinal = true;
  const done = (error) => {
    if (error) { stream.destroy(error); return; }
    later(() => {
      if (stream.destroyed && stream.errored) return;
      state.finished = true;
      stream.emit('prefinish');
      stream.emit('finish');
      settle(stream);
    });
  };
  later(() => {
    if (!stream._final) { done(); return; }
    try {
      stream._final(done);
    } catch (error) {
      done(error);
    }
  });
}

Writable.prototype._write = function (chunk, encoding, done) {
  if (this._writev) this._writev([{ chunk, encoding }], done);
  else throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'the stream has no method _write');
};

Writable.prototype.write = function (chunk, encoding, done) {
  const state = this._writableState;
  if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
  if (chunk === null) throw Object.assign(new TypeError('May not write null values to stream'), { code: 'ERR_STREAM_NULL_VALUES' });
  if (state.ending || this.destroyed) {
    const error = state.ending ? failure('ERR_STREAM_WRITE_AFTER_END', 'write after end') : failure('ERR_STREAM_DESTROYED', 'Cannot call write after a stream was destroyed');
    later(() => done?.(error));
    if (state.ending) this.destroy(error);
    return false;
  }
  if (!state.objectMode && typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) throw Object.assign(new TypeError('The "chunk" argument must be of type string or an instance of Buffer or Uint8Array'), { code: 'ERR_INVALID_ARG_TYPE' });
  const isBytes = !state.objectMode && !(state.isText && typeof chunk === 'string');
  const given = isBytes ? bytesOf(chunk, encoding ?? state.encoding) : chunk;
  const size = state.objectMode ? 1 : given.length;
  state.length += size;
  state.waiting.push({ chunk: given, encoding: isBytes ? 'buffer' : encoding ?? state.encoding, done, size });
  const hasRoom = state.length < state.highWaterMark;
  if (!hasRoom) state.needDrain = true;
  pump(this);
  return hasRoom;
};

Writable.prototype.end = function (chunk, encoding, done) {
  const state = this._writableState;
  if (typeof chunk === 'function') [chunk, encoding, done] = [undefined, undefined, chunk];
  else if (typeof encoding === 'function') [encoding, done] = [undefined, encoding];
  if (chunk !== undefined && chunk !== null) this.write(chunk, encoding);
  if (done) finished(this, { readable: false }, done);
  if (!state.ending) {
    Object.assign(state, { ending: true, ended: true, corked: 0 });
    this.writable = false;
    pump(this);
  }
  return this;
};
Writable.prototype.cork = function () { this._writableState.corked += 1; };
Writable.prototype.uncork = function () {
  if (this._writableState.corked) this._writableState.corked -= 1;
  pump(this);
};
Writable.prototype.setDefaultEncoding = function (encoding) { this._writableState.encoding = encoding; return this; };
Writable.prototype.pipe = function () { throw failure('ERR_STREAM_CANNOT_PIPE', 'Cannot pipe, not readable'); };
Writable.toWeb = (stream) => new WritableStream({
  write: (chunk) => new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve()))),
  close: () => new Promise((resolve, reject) => stream.end((error) => (error ? reject(error) : resolve()))),
  abort: (reason) => void stream.destroy(reason),
});
Writable.fromWeb = (stream) => {
  const writer = stream.getWriter();
  return new Writable({
    write: (chunk, encoding, done) => writer.write(chunk).then(() => done(), done),
    final: (done) => writer.close().then(() => done(), done),
  });
};
flag(Writable.prototype, 'writableLength', function () { return this._writableState.length; });
flag(Writable.prototype, 'writableHighWaterMark', function () { return this._writableState.highWaterMark; });
flag(Writable.prototype, 'writableObjectMode', function () { return this._writableState.objectMode; });
flag(Writable.prototype, 'writableEnded', function () { return this._writableState.ending; });
flag(Writable.prototype, 'writableFinished', function () { return this._writableState.finished; });
flag(Writable.prototype, 'writableNeedDrain', function () { return this._writableState.needDrain; });
flag(Writable.prototype, 'writableCorked', function () { return this._writableState.corked; });

function Duplex(options) {
  if (!(this instanceof Duplex)) return new Duplex(options);
  this.allowHalfOpen = options?.allowHalfOpen !== false;
  readableSide(this, options ?? {});
  writableSide(this, options ?? {});
}
inherit(Duplex, Readable);
for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(Writable.prototype))) {
  if (name !== 'constructor' && name !== 'pipe') Object.defineProperty(Duplex.prototype, name, property);
}
Duplex.from = (given) => (given instanceof Stream ? given : Readable.from(given));

function Transform(options) {
  if (!(this instanceof Transform)) return new Transform(options);
  Duplex.call(this, options);
}
inherit(Transform, Duplex);
Transform.prototype._transform = function () { throw failure('ERR_METHOD_NOT_IMPLEMENTED', 'the stream has no method _transform'); };
Transform.prototype._write = function (chunk, encoding, done) {
  this._transform(chunk, encoding, (error, value) => {
    if (error) { done(error); return; }
    if (value !== undefined && value !== null) this.push(value);
    const state = this._readableState;
    if (state.ended || state.length < state.highWaterMark) done();
    else this._held = done;
  });
};
Transform.prototype._read = function () {
  const held = this._held;
  this._held = undefined;
  this._readableState.reading = false;
  held?.();
};
Transform.prototype._final = function (done) {
  const conclude = (error, value) => {
    if (error) { done(error); return; }
    if (value !== undefined && value !== null) this.push(value);
    this.push(null);
    done();
  };
  if (this._flush) this._flush(conclude);
  else conclude();
};

function PassThrough(options) {
  if (!(this instanceof PassThrough)) return new PassThrough(options);
  Transform.call(this, options);
}
inherit(PassThrough, Transform);
PassThrough.prototype._transform = (chunk, encoding, done) => done(null, chunk);

/** Calls a function once when a stream has ended, or has failed. Returns a function that takes this back. */
function finished(stream, options, done) {
  if (typeof options === 'function') [options, done] = [{}, options];
  let reads = options?.readable !== false && Boolean(stream._readableState ?? stream.readable) && !stream._readableState?.endEmitted;
  let writes = options?.writable !== false && Boolean(stream._writableState) && !stream._writableState.finished;
  const told = (error) => { leave(); Reflect.apply(done, stream, error ? [error] : []); };
  const listeners = {
    end() { reads = false; if (!writes) told(); },
    finish() { writes = false; if (!reads) told(); },
    error: told,
    close() { told(stream.errored ?? (reads || writes ? failure('ERR_STREAM_PREMATURE_CLOSE', 'Premature close') : undefined)); },
  };
  const leave = () => { for (const [name, listener] of Object.entries(listeners)) stream.off(name, listener); };
  for (const [name, listener] of Object.entries(listeners)) EventEmitter.prototype.on.call(stream, name, listener);
  if (stream.closed || (!reads && !writes)) later(() => listeners.close());
  return leave;
}

const ending = (stream, options) => new Promise((resolve, reject) => finished(stream, options, (error) => (error ? reject(error) : resolve())));
const isNode = (stage) => typeof stage?.pipe === 'function' || Boolean(stage?._writableState);

async function run(stages, { end = true } = {}) {
  const [streams, ends] = [stages.filter(isNode), []];
  let current;
  for (const [place, given] of stages.entries()) {
    const isLast = place === stages.length - 1;
    const stage = typeof given?.getWriter === 'function' ? Writable.fromWeb(given) : given;
    if (place === 0) {
      current = typeof stage === 'function' ? stage() : stage;
      if (isNode(current)) ends.push(ending(current, { writable: false }));
    } else if (typeof stage === 'function') current = stage(current);
    else {
      const source = isNode(current) ? current : Readable.from(await current);
      if (!streams.includes(source)) streams.push(source);
      source.on('error', (error) => stage.destroy(error));
      if (!isLast || end) ends.push(ending(stage, { readable: !isLast }));
      source.pipe(stage, { end: !isLast || end });
      current = stage;
    }
  }
  try {
    const [value] = await Promise.all([typeof stages.at(-1) === 'function' ? current : undefined, ...ends]);
    return value;
  } catch (error) {
    for (const stream of streams) { stream.on('error', () => {}); stream.destroy(error); }
    throw error;
  }
}

const isOptions = (given) => typeof given === 'object' && given !== null && !isNode(given) && !given[Symbol.asyncIterator] && !given[Symbol.iterator] && !given.getWriter;
const promises = {
  pipeline(...stages) {
    const options = isOptions(stages.at(-1)) ? stages.pop() : {};
    return run(stages.length === 1 && Array.isArray(stages[0]) ? stages[0] : stages, options);
  },
  finished: ending,
};

function pipeline(...stages) {
  const done = stages.pop();
  const all = stages.length === 1 && Array.isArray(stages[0]) ? stages[0] : stages;
  run(all).then((value) => done(undefined, value), (error) => done(error));
  return all.at(-1);
}
pipeline[Symbol.for('nodejs.util.promisify.custom')] = promises.pipeline;
finished[Symbol.for('nodejs.util.promisify.custom')] = ending;

module.exports = Object.assign(Stream, {
  Stream, Readable, Writable, Duplex, Transform, PassThrough, pipeline, finished, promises,
  addAbortSignal(signal, stream) { signal.addEventListener('abort', () => stream.destroy(signal.reason)); return stream; },
  destroy: (stream, error) => stream.destroy(error),
  isReadable: (stream) => Boolean(stream?.readable) && !stream.destroyed,
  isErrored: (stream) => Boolean(stream?.errored),
  isDisturbed: (stream) => Boolean(stream?._readableState?.flowing !== null),
  getDefaultHighWaterMark: (objectMode) => (objectMode ? 16 : 65536),
  setDefaultHighWaterMark() {},
});
