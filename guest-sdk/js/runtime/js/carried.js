// Values that go along with what was begun while they were set. Where a program imports `async_hooks`, what each of its `await`s
// gives is passed through `keep` and `kept` when it is deployed, since the engine goes on without telling anybody.

const host = globalThis.__dormouse;

const NONE = new Map();
const { then } = Promise.prototype;

let current = NONE;

export const values = () => current;
export function set(values) { current = values; }

/** Runs a function with the values that are set now, whenever it is called. */
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

/** Sets the values of `then` past the promise. What goes on after an `await` sets its own, and nothing is set in between. */
export function begin() {
  host.beforeJobs(() => { current = NONE; });
  Promise.prototype.then = { then(kept, failed) { return Reflect.apply(then, this, [bound(kept), bound(failed)]); } }.then;
}

/** A promise of this value. What is no promise of the engine is asked with the values that are set now. */
function promised(value) {
  const isOther = value !== null && (typeof value === 'object' || typeof value === 'function') && value.constructor !== Promise && typeof value.then === 'function';
  if (!isOther) return Promise.resolve(value);
  return new Promise((resolve, reject) => {
    const ask = () => value.then(resolve, reject);
    Reflect.apply(then, Promise.resolve().then(ask), [undefined, reject]);
  });
}

/** Notes what is set where a program begins to wait. */
function keep(value) {
  const along = current;
  return Reflect.apply(then, promised(value), [(kept) => ({ along, kept }), (error) => ({ along, error, isError: true })]);
}

/** Sets it again where the program goes on. */
function kept(outcome) {
  current = outcome.along;
  if (outcome.isError) throw outcome.error;
  return outcome.kept;
}

/** A function that sets again what is set now. */
function here() {
  const along = current;
  return () => { current = along; };
}

function after(back, value) {
  back();
  return value;
}

export const globals = { dormouseCarried: { keep, kept, here, after } };
