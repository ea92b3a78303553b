// Durable timers. A timer of 0 ms is a task of the present activation, and not an operation.

import { perform, span } from 'dormouse:operations';

const host = globalThis.__dormouse;

const timers = new Map();
let next = 1;

class Timer {
  #number = next++;
  #run; #millis; #repeats; #operation; #wanted = true;
  constructor(run, millis, repeats) {
    this.#run = run;
    this.#millis = Math.max(0, Number(millis) || 0);
    this.#repeats = repeats;
    timers.set(this.#number, this);
    this.#begin();
  }
  #begin() {
    if (this.#millis === 0 && !this.#repeats) {
      Promise.resolve().then(() => this.#fire());
      return;
    }
    perform(host.sleep('timer', Math.max(1, this.#millis))).then(() => this.#fire());
    this.#operation = host.latest();
  }
  #fire() {
    if (!timers.has(this.#number)) return;
    if (this.#repeats) this.#begin();
    else timers.delete(this.#number);
    this.#run();
  }
  clear() {
    if (timers.delete(this.#number) && this.#operation !== undefined) host.giveUp(this.#operation);
  }
  refresh() {
    if (this.#operation !== undefined) host.giveUp(this.#operation);
    timers.set(this.#number, this);
    this.#begin();
    return this;
  }
  ref() { this.#wanted = true; return this; }
  unref() { this.#wanted = false; return this; }
  hasRef() { return this.#wanted; }
  close() { this.clear(); return this; }
  [Symbol.toPrimitive]() { return this.#number; }
}

function set(run, millis, repeats, values) {
  if (typeof run !== 'function') throw new TypeError('a timer was given no function');
  return new Timer(() => run(...values), millis, repeats);
}

const setTimeout = (run, millis, ...values) => set(run, millis, false, values);
const setInterval = (run, millis, ...values) => set(run, millis, true, values);
const setImmediate = (run, ...values) => set(run, 0, false, values);
const clear = (timer) => (timer instanceof Timer ? timer : timers.get(Number(timer)))?.clear();
const queueMicrotask = (run) => void Promise.resolve().then(run);

export const globals = { clearImmediate: clear, clearInterval: clear, clearTimeout: clear, queueMicrotask, setImmediate, setInterval, setTimeout };
export { span };
