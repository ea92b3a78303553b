// Node's `async_hooks`: values that go along with what was begun while they were set, past `then` and timers.
//
// Where a program imports this module, its `await`s are made into `then`s when it is deployed, so that they go past those too.

let current = new Map();

/** Runs a function with the values that are set now, whenever it is called. */
function bound(run) {
  if (typeof run !== 'function') return run;
  const values = current;
  return function (...given) {
    const before = current;
    current = values;
    try {
      return Reflect.apply(run, this, given);
    } finally {
      current = before;
    }
  };
}

const { then } = Promise.prototype;
Promise.prototype.then = { then(kept, failed) { return Reflect.apply(then, this, [bound(kept), bound(failed)]); } }.then;

for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']) {
  const plain = globalThis[name];
  globalThis[name] = { [name](run, ...rest) { return plain(bound(run), ...rest); } }[name];
}

export class AsyncLocalStorage {
  static bind(run) { return bound(run); }
  static snapshot() { return bound((run, ...values) => run(...values)); }
  getStore() { return current.get(this); }
  enterWith(store) { current = new Map(current).set(this, store); }
  disable() { current = new Map(current); current.delete(this); }
  run(store, run, ...values) {
    const before = current;
    current = new Map(before).set(this, store);
    try {
      return run(...values);
    } finally {
      current = before;
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
