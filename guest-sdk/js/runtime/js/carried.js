// The values of `AsyncLocalStorage`. A callback, a timer or an `await` keeps the values that were set when it began. The engine has
// no hook for `await`. If a program imports `async_hooks`, deployment passes the result of each `await` through `keep` and `kept`.

const host = globalThis.__dormouse;

const NONE = new Map();
const { then } = Promise.prototype;

let current = NONE;

export const values = () => current;
export function set(values) { current = values; }

/** Wraps a function, so that it always runs with the values that are set now. */
export function bound(run) {
  if (typeof run !== 'function') return run;
  const along = current;
  return function (...given) {
    const before = current;
    current = along;
    try {
      return Reflect.apply(run, this, given);
    } finally {
      current = before;
    }
  };
}

/** Keeps the values for the callbacks of `then`. Code after an `await` sets its own values, so nothing is set in between. */
export function begin() {
  host.beforeJobs(() => { current = NONE; });
  Promise.prototype.then = { then(kept, failed) { return Reflect.apply(then, this, [bound(kept), bound(failed)]); } }.then;
}

/** Returns a promise of a value. If the value is a thenable of another kind, its `then` runs with the values that are set now. */
function promised(value) {
  const isOther = value !== null && (typeof value === 'object' || typeof value === 'function') && value.constructor !== Promise && typeof value.then === 'function';
  if (!isOther) return Promise.resolve(value);
  return new Promise((resolve, reject) => {
    const ask = () => value.then(resolve, reject);
    Reflect.apply(then, Promise.resolve().then(ask), [undefined, reject]);
  });
}

/** Records the values that are set when a program begins to wait. */
function keep(value) {
  const along = current;
  return Reflect.apply(then, promised(value), [(kept) => ({ along, kept }), (error) => ({ along, error, isError: true })]);
}

/** Sets the recorded values again when the program continues. */
function kept(outcome) {
  current = outcome.along;
  if (outcome.isError) throw outcome.error;
  return outcome.kept;
}

/** Returns a function that sets the present values again. */
function here() {
  const along = current;
  return () => { current = along; };
}

function after(back, value) {
  back();
  return value;
}

export const globals = { dormouseCarried: { keep, kept, here, after } };
