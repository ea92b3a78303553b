// Node's `util`.

import { format, shown } from 'dormouse:console';
import { Buffer } from 'node:buffer';

export { format };

export const inspect = Object.assign((value) => shown(value, 1), { custom: Symbol.for('nodejs.util.inspect.custom'), defaultOptions: {} });
export const formatWithOptions = (_, ...values) => format(...values);

const PROMISED = Symbol.for('nodejs.util.promisify.custom');

export const promisify = Object.assign((run) => {
  if (typeof run !== 'function') throw Object.assign(new TypeError('promisify was given no function'), { code: 'ERR_INVALID_ARG_TYPE' });
  if (run[PROMISED]) return run[PROMISED];
  return function (...values) {
    return new Promise((resolve, reject) => {
      Reflect.apply(run, this, [...values, (error, value) => (error ? reject(error) : resolve(value))]);
    });
  };
}, { custom: PROMISED });

export const callbackify = (run) => function (...values) {
  const done = values.pop();
  Reflect.apply(run, this, values).then((value) => done(null, value), (error) => done(error ?? new Error('the promise was rejected with nothing')));
};

export function inherits(child, parent) {
  Object.defineProperty(child, 'super_', { value: parent, writable: true, configurable: true });
  Object.setPrototypeOf(child.prototype, parent.prototype);
}

const warned = new Set();

export const deprecate = (run, message, code) => function (...values) {
  if (!warned.has(code ?? message)) {
    warned.add(code ?? message);
    globalThis.console.warn(message);
  }
  return new.target ? Reflect.construct(run, values, new.target) : Reflect.apply(run, this, values);
};

export const debuglog = () => Object.assign(() => {}, { enabled: false });
export const debug = debuglog;

const tag = (value) => Object.prototype.toString.call(value).slice(8, -1);
const is = (...names) => (value) => typeof value === 'object' && value !== null && names.includes(tag(value));

export const types = {
  isAnyArrayBuffer: is('ArrayBuffer', 'SharedArrayBuffer'), isArrayBuffer: is('ArrayBuffer'), isArrayBufferView: ArrayBuffer.isView,
  isAsyncFunction: (value) => typeof value === 'function' && /^Async/.test(tag(value)), isBoxedPrimitive: (value) => typeof value === 'object' && /^(Number|String|Boolean|BigInt|Symbol)$/.test(tag(value)),
  isDataView: is('DataView'), isDate: (value) => value instanceof Date, isGeneratorFunction: (value) => typeof value === 'function' && /GeneratorFunction$/.test(tag(value)),
  isMap: (value) => value instanceof Map, isNativeError: (value) => value instanceof Error, isPromise: (value) => value instanceof Promise,
  isProxy: () => false, isRegExp: (value) => value instanceof RegExp, isSet: (value) => value instanceof Set, isTypedArray: (value) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isUint8Array: (value) => value instanceof Uint8Array, isWeakMap: (value) => value instanceof WeakMap, isWeakSet: (value) => value instanceof WeakSet, isExternal: () => false, isModuleNamespaceObject: is('Module'),
};

/** Returns true if two values are equal in all their parts. With `strict`, `1` and `"1"` are not equal. */
export function isEqual(a, b, strict, seen = new Map()) {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return !strict && typeof a !== 'object' && typeof b !== 'object' && (a == b || (a !== a && b !== b));
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  const same = (one, other) => isEqual(one, other, strict, seen);
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b);
  if (a instanceof Error && b instanceof Error && (a.name !== b.name || a.message !== b.message)) return false;
  if (a instanceof Map && b instanceof Map) return a.size === b.size && [...a].every(([key, value]) => b.has(key) && same(value, b.get(key)));
  if (a instanceof Set && b instanceof Set) return a.size === b.size && [...a].every((value) => b.has(value) || [...b].some((other) => same(value, other)));
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

export const isDeepStrictEqual = (a, b) => isEqual(a, b, true);
export const stripVTControlCharacters = (text) => String(text).replace(/\u001b\[[0-9;]*[A-Za-z]/g, '');
export const toUSVString = (text) => String(text).toWellFormed();
export const { isArray } = Array;
export const isBuffer = (value) => Buffer.isBuffer(value);
export const isDate = types.isDate;
export const isRegExp = types.isRegExp;
export const isError = types.isNativeError;
export const isFunction = (value) => typeof value === 'function';
export const isString = (value) => typeof value === 'string';
export const isObject = (value) => typeof value === 'object' && value !== null;
export const isUndefined = (value) => value === undefined;
export const { TextEncoder, TextDecoder } = globalThis;
export default {
  format, inspect, formatWithOptions, promisify, callbackify, inherits, deprecate, debuglog, debug, types, isDeepStrictEqual, stripVTControlCharacters,
  toUSVString, isArray, isBuffer, isDate, isRegExp, isError, isFunction, isString, isObject, isUndefined, TextEncoder, TextDecoder,
};
