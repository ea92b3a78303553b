// Node's `async_hooks`: values that callbacks of `then`, code after an `await`, and timers keep from where they began.

import { begin, bound, set, values } from 'dormouse:carried';

begin();

for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
  const plain = globalThis[name];
  globalThis[name] = { [name](run, ...rest) { return plain(bound(run), ...rest); } }[name];
}

export class AsyncLocalStorage {
  static bind(run) { return bound(run); }
  static snapshot() { return bound((run, ...values) => run(...values)); }
  getStore() { return values().get(this); }
  enterWith(store) { set(new Map(values()).set(this, store)); }
  disable() {
    const left = new Map(values());
    left.delete(this);
    set(left);
  }
  run(store, run, ...given) {
    const before = values();
    this.enterWith(store);
    try {
      return run(...given);
    } finally {
      set(before);
    }
  }
  exit(run, ...values) { return this.run(undefined, run, ...values); }
}

export class AsyncResource {
  #run = bound((run, self, ...values) => Reflect.apply(run, self, values));
  constructor(type) { this.type = type; }
  static bind(run) { return bound(run); }
  bind(run) { return (...values) => this.#run(run, undefined, ...values); }
  runInAsyncScope(run, self, ...values) { return this.#run(run, self, ...values); }
  emitDestroy() { return this; }
  asyncId() { return 1; }
  triggerAsyncId() { return 0; }
}

export const createHook = () => ({ enable() { return this; }, disable() { return this; } });
export const executionAsyncId = () => 1;
export const triggerAsyncId = () => 0;
export const executionAsyncResource = () => ({});
export default { AsyncLocalStorage, AsyncResource, createHook, executionAsyncId, triggerAsyncId, executionAsyncResource };
