// Node's `assert`.

import { inspect, isEqual } from 'node:util';

export class AssertionError extends Error {
  constructor({ message, actual, expected, operator }) {
    super(message ?? `${inspect(actual)} ${operator} ${inspect(expected)}`);
    Object.assign(this, { name: 'AssertionError', code: 'ERR_ASSERTION', actual, expected, operator, generatedMessage: message === undefined });
  }
}

function check(holds, message, actual, expected, operator) {
  if (holds) return;
  if (message instanceof Error) throw message;
  throw new AssertionError({ message, actual, expected, operator });
}

export const ok = (value, message) => check(value, message, value, true, '==');
export const equal = (a, b, message) => check(a == b || (a !== a && b !== b), message, a, b, '==');
export const notEqual = (a, b, message) => check(a != b, message, a, b, '!=');
export const strictEqual = (a, b, message) => check(Object.is(a, b), message, a, b, 'strictEqual');
export const notStrictEqual = (a, b, message) => check(!Object.is(a, b), message, a, b, 'notStrictEqual');
export const deepEqual = (a, b, message) => check(isEqual(a, b, false), message, a, b, 'deepEqual');
export const deepStrictEqual = (a, b, message) => check(isEqual(a, b, true), message, a, b, 'deepStrictEqual');
export const notDeepEqual = (a, b, message) => check(!isEqual(a, b, false), message, a, b, 'notDeepEqual');
export const notDeepStrictEqual = (a, b, message) => check(!isEqual(a, b, true), message, a, b, 'notDeepStrictEqual');
export const match = (text, pattern, message) => check(pattern.test(text), message, text, pattern, 'match');
export const doesNotMatch = (text, pattern, message) => check(!pattern.test(text), message, text, pattern, 'doesNotMatch');
export const fail = (message = 'Failed') => check(false, message, undefined, undefined, 'fail');
export const ifError = (value) => { if (value !== null && value !== undefined) throw value; };

function fits(error, expected, message) {
  if (expected === undefined || typeof expected === 'string') return;
  if (expected instanceof RegExp) check(expected.test(String(error)), message, error, expected, 'throws');
  else if (typeof expected === 'function') {
    const isClass = expected === Error || expected.prototype instanceof Error;
    if (isClass ? !(error instanceof expected) : expected(error) !== true) throw error;
  } else for (const key of Object.keys(expected)) check(expected[key] instanceof RegExp ? expected[key].test(error[key]) : isEqual(error[key], expected[key], true), message, error, expected, 'throws');
}

export function throws(run, expected, message) {
  try {
    run();
  } catch (error) {
    return fits(error, expected, message);
  }
  return check(false, typeof expected === 'string' ? expected : message ?? 'Missing expected exception.', undefined, expected, 'throws');
}

export async function rejects(promise, expected, message) {
  try {
    await (typeof promise === 'function' ? promise() : promise);
  } catch (error) {
    return fits(error, expected, message);
  }
  return check(false, typeof expected === 'string' ? expected : message ?? 'Missing expected rejection.', undefined, expected, 'rejects');
}

export const doesNotThrow = (run) => void run();
export const doesNotReject = async (promise) => void (await (typeof promise === 'function' ? promise() : promise));

const functions = {
  AssertionError, ok, equal, notEqual, strictEqual, notStrictEqual, deepEqual, deepStrictEqual, notDeepEqual, notDeepStrictEqual, match, doesNotMatch,
  fail, ifError, throws, rejects, doesNotThrow, doesNotReject,
};
export const strict = Object.assign((value, message) => ok(value, message), functions, { equal: strictEqual, notEqual: notStrictEqual, deepEqual: deepStrictEqual, notDeepEqual: notDeepStrictEqual });
strict.strict = strict;
const assert = Object.assign((value, message) => ok(value, message), functions, { strict });
export default assert;
