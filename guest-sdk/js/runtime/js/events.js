// The web's `Event`, `EventTarget`, `AbortController` and `AbortSignal`.

const CODES = { InvalidCharacterError: 5, AbortError: 20, DataCloneError: 25, TimeoutError: 23, NotSupportedError: 9, SyntaxError: 12, InvalidStateError: 11 };

class DOMException extends Error {
  #name;
  constructor(message = '', name = 'Error') {
    super(message);
    this.#name = typeof name === 'object' ? (name.name ?? 'Error') : name;
    if (typeof name === 'object' && 'cause' in name) this.cause = name.cause;
  }
  get name() { return this.#name; }
  get code() { return CODES[this.#name] ?? 0; }
}

class Event {
  constructor(type, { bubbles = false, cancelable = false } = {}) {
    Object.assign(this, { type: String(type), bubbles, cancelable, target: null, currentTarget: null, defaultPrevented: false, timeStamp: 0 });
  }
  preventDefault() { if (this.cancelable) this.defaultPrevented = true; }
  stopPropagation() {}
  stopImmediatePropagation() { this.stopped = true; }
}

class CustomEvent extends Event {
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
}

class EventTarget {
  #listeners = new Map();
  addEventListener(type, listener, options) {
    if (!listener) return;
    const listeners = this.#listeners.get(type) ?? [];
    if (listeners.some((other) => other.listener === listener)) return;
    const { once = false, signal } = typeof options === 'object' && options ? options : {};
    if (signal?.aborted) return;
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener));
    this.#listeners.set(type, [...listeners, { listener, once }]);
  }
  removeEventListener(type, listener) {
    const listeners = this.#listeners.get(type);
    if (listeners) this.#listeners.set(type, listeners.filter((other) => other.listener !== listener));
  }
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    this[`on${event.type}`]?.(event);
    for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
      if (event.stopped) break;
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === 'function') listener.call(this, event);
      else listener.handleEvent(event);
    }
    return !event.defaultPrevented;
  }
}

let abort;

class AbortSignal extends EventTarget {
  #reason;
  onabort = null;
  static {
    abort = (signal, reason) => {
      if (signal.aborted) return;
      signal.#reason = reason ?? new DOMException('this operation was aborted', 'AbortError');
      signal.dispatchEvent(new Event('abort'));
    };
  }
  get aborted() { return this.#reason !== undefined; }
  get reason() { return this.#reason; }
  throwIfAborted() { if (this.aborted) throw this.#reason; }
  static abort(reason) {
    const signal = new AbortSignal();
    abort(signal, reason);
    return signal;
  }
  static timeout(millis) {
    const signal = new AbortSignal();
    const timer = globalThis.setTimeout(() => abort(signal, new DOMException('the time was up', 'TimeoutError')), millis);
    timer.unref?.();
    return signal;
  }
  static any(signals) {
    const any = new AbortSignal();
    for (const signal of signals) {
      if (signal.aborted) abort(any, signal.reason);
      else signal.addEventListener('abort', () => abort(any, signal.reason));
    }
    return any;
  }
}

class AbortController {
  signal = new AbortSignal();
  abort(reason) { abort(this.signal, reason); }
}

export const globals = { AbortController, AbortSignal, CustomEvent, DOMException, Event, EventTarget };
