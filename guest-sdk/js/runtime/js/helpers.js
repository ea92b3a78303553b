// What the bundler's output calls where it has made `async` functions into others, for programs that use `async_hooks`.

/** Runs a generator in which `yield` stands for `await`. */
function asyncToGenerator(generator) {
  return function (...values) {
    const running = generator.apply(this, values);
    return new Promise((resolve, reject) => {
      const step = (method, value) => {
        let result;
        try {
          result = running[method](value);
        } catch (error) {
          reject(error);
          return;
        }
        if (result.done) resolve(result.value);
        else Promise.resolve(result.value).then((kept) => step('next', kept), (error) => step('throw', error));
      };
      step('next');
    });
  };
}

class Awaited {
  constructor(value, delegates) { Object.assign(this, { value, delegates }); }
}

/** An async generator by a generator that gives what it awaits as `Awaited`. */
class AsyncGenerator {
  #inner; #last = Promise.resolve();
  constructor(inner) { this.#inner = inner; }
  #resume(method, value) {
    const result = this.#last.then(() => new Promise((resolve, reject) => {
      const step = (how, given) => {
        try {
          const { value: yielded, done } = this.#inner[how](given);
          if (yielded instanceof Awaited) {
            const ends = (kept) => yielded.delegates && how === 'return' && kept.done;
            Promise.resolve(yielded.value).then((kept) => step(ends(kept) ? 'return' : 'next', kept), (error) => step('throw', error));
          } else Promise.resolve(yielded).then((settled) => resolve({ value: settled, done }), reject);
        } catch (error) {
          reject(error);
        }
      };
      step(method, value);
    }));
    this.#last = result.catch(() => {});
    return result;
  }
  next(value) { return this.#resume('next', value); }
  throw(error) { return this.#resume('throw', error); }
  return(value) { return this.#resume('return', value); }
  [Symbol.asyncIterator]() { return this; }
}

const wrapAsyncGenerator = (generator) => function (...values) { return new AsyncGenerator(generator.apply(this, values)); };
const awaitAsyncGenerator = (value) => new Awaited(value, false);

/** The iterator of `for await`. */
function asyncIterator(values) {
  if (values[Symbol.asyncIterator]) return values[Symbol.asyncIterator]();
  const iterator = values[Symbol.iterator]();
  const settle = (result) => Promise.resolve(result.value).then((value) => ({ value, done: result.done }));
  return { next: () => settle(iterator.next()), return: () => settle(iterator.return?.() ?? { done: true }) };
}

/** `yield*` in an async generator. */
function asyncGeneratorDelegate(inner) {
  const iterator = {};
  let waits = false;
  const pump = (method, value) => {
    waits = true;
    return { done: false, value: new Awaited(new Promise((resolve) => resolve(inner[method](value))), true) };
  };
  const resume = (method) => (value) => {
    if (waits) {
      waits = false;
      return method === 'throw' ? raise(value) : value;
    }
    return pump(method, value);
  };
  Object.assign(iterator, { next: resume('next'), throw: resume('throw'), return: resume('return') });
  iterator[Symbol.iterator] = () => iterator;
  return iterator;
}

function raise(error) { throw error; }

export const globals = { babelHelpers: { asyncToGenerator, wrapAsyncGenerator, awaitAsyncGenerator, asyncIterator, asyncGeneratorDelegate } };
