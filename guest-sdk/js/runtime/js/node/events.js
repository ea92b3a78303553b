// Node's `events`.

export class EventEmitter {
  static defaultMaxListeners = 10;
  static errorMonitor = Symbol('events.errorMonitor');
  static captureRejectionSymbol = Symbol.for('nodejs.rejection');
  on(name, listener) { return add(this, name, listener, false, false); }
  addListener(name, listener) { return add(this, name, listener, false, false); }
  prependListener(name, listener) { return add(this, name, listener, true, false); }
  once(name, listener) { return add(this, name, listener, false, true); }
  prependOnceListener(name, listener) { return add(this, name, listener, true, true); }
  off(name, listener) { return remove(this, name, listener); }
  removeListener(name, listener) { return remove(this, name, listener); }
  removeAllListeners(name) {
    if (name === undefined) this._events = Object.create(null);
    else delete events(this)[name];
    return this;
  }
  emit(name, ...values) {
    const listeners = events(this)[name];
    if (!listeners?.length) {
      if (name !== 'error') return false;
      throw values[0] instanceof Error ? values[0] : Object.assign(new Error(`Unhandled error. (${String(values[0])})`), { code: 'ERR_UNHANDLED_ERROR', context: values[0] });
    }
    for (const { listener, once } of listeners) {
      if (once) remove(this, name, listener);
      Reflect.apply(listener, this, values);
    }
    return true;
  }
  listeners(name) { return (events(this)[name] ?? []).map((entry) => entry.listener); }
  rawListeners(name) { return this.listeners(name); }
  listenerCount(name) { return events(this)[name]?.length ?? 0; }
  eventNames() { return Reflect.ownKeys(events(this)); }
  setMaxListeners(most) { this._maxListeners = most; return this; }
  getMaxListeners() { return this._maxListeners ?? EventEmitter.defaultMaxListeners; }
}

function events(emitter) { return (emitter._events ??= Object.create(null)); }

function add(emitter, name, listener, front, once) {
  if (typeof listener !== 'function') throw Object.assign(new TypeError('the listener is not a function'), { code: 'ERR_INVALID_ARG_TYPE' });
  const all = events(emitter);
  if (all.newListener) emitter.emit('newListener', name, listener);
  const entry = { listener, once };
  all[name] = front ? [entry, ...(all[name] ?? [])] : [...(all[name] ?? []), entry];
  return emitter;
}

function remove(emitter, name, listener) {
  const all = events(emitter);
  const place = (all[name] ?? []).findLastIndex((entry) => entry.listener === listener);
  if (place < 0) return emitter;
  all[name] = all[name].filter((_, at) => at !== place);
  if (!all[name].length) delete all[name];
  if (all.removeListener) emitter.emit('removeListener', name, listener);
  return emitter;
}

/** The export for CommonJS: a class that can be called as a function, because old programs inherit from it in that way. */
const Emitter = new Proxy(EventEmitter, { apply: (_, self) => { if (self) self._events ??= Object.create(null); } });

export function once(emitter, name, { signal } = {}) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    if (typeof emitter.addEventListener === 'function') {
      emitter.addEventListener(name, (event) => resolve([event]), { once: true });
      return;
    }
    const failed = (error) => { emitter.off(name, came); reject(error); };
    const came = (...values) => { emitter.off('error', failed); resolve(values); };
    emitter.once(name, came);
    if (name !== 'error') emitter.once('error', failed);
    signal?.addEventListener('abort', () => { emitter.off(name, came); emitter.off('error', failed); reject(signal.reason); });
  });
}

export async function* on(emitter, name, { signal } = {}) {
  const came = [];
  let wake;
  const listener = (...values) => { came.push(values); wake?.(); };
  const stop = () => wake?.();
  emitter.on(name, listener);
  signal?.addEventListener('abort', stop);
  try {
    for (;;) {
      while (came.length) yield came.shift();
      signal?.throwIfAborted();
      await new Promise((resolve) => { wake = resolve; });
    }
  } finally {
    emitter.off(name, listener);
  }
}

export const listenerCount = (emitter, name) => emitter.listenerCount(name);
export const getEventListeners = (emitter, name) => emitter.listeners?.(name) ?? [];
export const setMaxListeners = () => {};
export const defaultMaxListeners = 10;
export const errorMonitor = EventEmitter.errorMonitor;
const { EventTarget, Event } = globalThis;
export { EventTarget, Event };
Object.assign(EventEmitter, { EventEmitter: Emitter, once, on, listenerCount, getEventListeners, setMaxListeners });
export { Emitter as default };
