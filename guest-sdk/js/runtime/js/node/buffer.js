// Node's `buffer`: bytes with methods to read and write texts and numbers, and to search.

import { fromBase64, globals as texts, host, join, latin, toBase64, view } from 'dormouse:bytes';
import { globals as web } from 'dormouse:fetch';
import { inBase64 } from 'dormouse:secrets';

const ENCODINGS = {
  utf8: 'utf8', 'utf-8': 'utf8', hex: 'hex', base64: 'base64', base64url: 'base64url', latin1: 'latin1', binary: 'latin1',
  ascii: 'ascii', ucs2: 'utf16le', 'ucs-2': 'utf16le', utf16le: 'utf16le', 'utf-16le': 'utf16le',
};

function encodingOf(name) {
  const encoding = ENCODINGS[String(name ?? 'utf8').toLowerCase()];
  if (!encoding) throw Object.assign(new TypeError(`Unknown encoding: ${name}`), { code: 'ERR_UNKNOWN_ENCODING' });
  return encoding;
}

/** Encodes a text as bytes. */
function encoded(text, name) {
  const encoding = encodingOf(name);
  if (encoding === 'utf8') return host.encode(text);
  if (encoding === 'hex') {
    const pairs = /^(?:[0-9a-fA-F]{2})*/.exec(text)[0].match(/../g) ?? [];
    return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
  }
  if (encoding === 'base64' || encoding === 'base64url') {
    const letters = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=[\s\S]*$/, '').replace(/[^A-Za-z0-9+/]/g, '');
    return fromBase64(letters.length % 4 === 1 ? letters.slice(0, -1) : letters);
  }
  if (encoding === 'utf16le') {
    const bytes = new Uint8Array(text.length * 2);
    for (let place = 0; place < text.length; place += 1) {
      const code = text.charCodeAt(place);
      bytes[place * 2] = code & 0xff;
      bytes[place * 2 + 1] = code >> 8;
    }
    return bytes;
  }
  return Uint8Array.from({ length: text.length }, (_, place) => text.charCodeAt(place) & 0xff);
}

/** Decodes bytes as a text. */
function decoded(bytes, name) {
  const encoding = encodingOf(name);
  if (encoding === 'utf8') return host.decode(bytes, false);
  if (encoding === 'hex') return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (encoding === 'base64') return inBase64(latin(bytes)) ?? toBase64(bytes);
  if (encoding === 'base64url') return toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
  if (encoding === 'utf16le') {
    let text = '';
    for (let place = 0; place + 1 < bytes.length; place += 2) text += String.fromCharCode(bytes[place] | (bytes[place + 1] << 8));
    return text;
  }
  return latin(encoding === 'ascii' ? bytes.map((byte) => byte & 0x7f) : bytes);
}

const own = (bytes) => Object.setPrototypeOf(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), Buffer.prototype);

function bufferFrom(value, encoding, length) {
  if (typeof value === 'string') return own(encoded(value, encoding));
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return own(new Uint8Array(value, encoding, length));
  if (ArrayBuffer.isView(value)) return own(Uint8Array.from(value));
  if (value?.type === 'Buffer' && Array.isArray(value.data)) return own(Uint8Array.from(value.data));
  if (value !== null && typeof value === 'object') {
    const primitive = value.valueOf?.();
    if (primitive !== value && primitive !== undefined && primitive !== null) return bufferFrom(primitive, encoding, length);
    if (typeof value.length === 'number' || typeof value[Symbol.iterator] === 'function') return own(Uint8Array.from(value));
  }
  throw Object.assign(new TypeError('a Buffer is made of a text, an array, an ArrayBuffer or a view of one'), { code: 'ERR_INVALID_ARG_TYPE' });
}

/** Returns the index of a value in bytes, searching forward or backward from an index; -1 if it does not occur. */
function find(bytes, value, at, encoding, step) {
  const wanted = typeof value === 'number' ? [value & 0xff] : typeof value === 'string' ? encoded(value, encoding) : view(value);
  for (let place = Math.min(at, bytes.length - wanted.length); place >= 0 && place + wanted.length <= bytes.length; place += step) {
    let same = 0;
    while (same < wanted.length && bytes[place + same] === wanted[same]) same += 1;
    if (same === wanted.length) return place;
  }
  return -1;
}

class Bytes extends Uint8Array {
  static from(value, encoding, length) { return bufferFrom(value, encoding, length); }
  static of(...bytes) { return own(Uint8Array.of(...bytes)); }
  static alloc(size, fill, encoding) {
    const buffer = own(new Uint8Array(size));
    return fill === undefined || fill === 0 ? buffer : buffer.fill(fill, 0, size, encoding);
  }
  static allocUnsafe(size) { return own(new Uint8Array(size)); }
  static allocUnsafeSlow(size) { return own(new Uint8Array(size)); }
  static isBuffer(value) { return value instanceof Buffer; }
  static isEncoding(name) { return typeof name === 'string' && name.toLowerCase() in ENCODINGS; }
  static byteLength(value, encoding) { return typeof value === 'string' ? encoded(value, encoding).length : view(value).length; }
  static concat(list, length) {
    const all = join([...list].map(view));
    if (length === undefined || length === all.length) return own(all);
    const buffer = Buffer.alloc(length);
    buffer.set(all.subarray(0, length));
    return buffer;
  }
  static compare(a, b) {
    for (let place = 0; place < Math.min(a.length, b.length); place += 1) if (a[place] !== b[place]) return a[place] < b[place] ? -1 : 1;
    return Math.sign(a.length - b.length);
  }
  get parent() { return this.buffer; }
  get offset() { return this.byteOffset; }
  toString(encoding, begin = 0, end = this.length) { return decoded(new Uint8Array(this.buffer, this.byteOffset, this.byteLength).subarray(begin, end), encoding); }
  toLocaleString(encoding) { return this.toString(encoding); }
  toJSON() { return { type: 'Buffer', data: Array.from(this) }; }
  equals(other) { return Buffer.compare(this, other) === 0; }
  compare(other, begin = 0, end = other.length, ownBegin = 0, ownEnd = this.length) { return Buffer.compare(this.subarray(ownBegin, ownEnd), other.subarray(begin, end)); }
  subarray(begin, end) { return own(new Uint8Array(this.buffer, this.byteOffset, this.byteLength).subarray(begin, end)); }
  slice(begin, end) { return this.subarray(begin, end); }
  copy(target, at = 0, begin = 0, end = this.length) {
    const piece = new Uint8Array(this.buffer, this.byteOffset, this.byteLength).subarray(begin, Math.min(end, begin + Math.max(0, target.length - at)));
    target.set(piece, at);
    return piece.length;
  }
  write(text, at = 0, length, encoding) {
    if (typeof at === 'string') [at, length, encoding] = [0, undefined, at];
    if (typeof length === 'string') [length, encoding] = [undefined, length];
    const bytes = encoded(text, encoding).subarray(0, Math.min(length ?? Infinity, this.length - at));
    this.set(bytes, at);
    return bytes.length;
  }
  fill(value, begin = 0, end = this.length, encoding) {
    if (typeof begin === 'string') [begin, end, encoding] = [0, this.length, begin];
    if (typeof value === 'number') { super.fill(value & 0xff, begin, end); return this; }
    const bytes = typeof value === 'string' ? encoded(value, encoding) : view(value);
    for (let place = begin; place < end; place += 1) this[place] = bytes.length ? bytes[(place - begin) % bytes.length] : 0;
    return this;
  }
  indexOf(value, at = 0, encoding) {
    const wanted = typeof value === 'string' ? encoded(value, encoding).length : value.length ?? 1;
    const begin = at < 0 ? Math.max(0, this.length + at) : at;
    return begin + wanted > this.length ? -1 : find(this, value, begin, encoding, 1);
  }
  lastIndexOf(value, at = this.length, encoding) { return find(this, value, at < 0 ? this.length + at : at, encoding, -1); }
  includes(value, at, encoding) { return this.indexOf(value, at, encoding) >= 0; }
  swap16() { for (let place = 0; place + 1 < this.length; place += 2) [this[place], this[place + 1]] = [this[place + 1], this[place]]; return this; }
  readUIntBE(at, size) { let value = 0; for (let place = 0; place < size; place += 1) value = value * 256 + this[at + place]; return value; }
  readUIntLE(at, size) { let value = 0; for (let place = size - 1; place >= 0; place -= 1) value = value * 256 + this[at + place]; return value; }
  readIntBE(at, size) { const value = this.readUIntBE(at, size); return value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value; }
  readIntLE(at, size) { const value = this.readUIntLE(at, size); return value >= 2 ** (size * 8 - 1) ? value - 2 ** (size * 8) : value; }
  writeUIntBE(value, at, size) { for (let place = size - 1; place >= 0; place -= 1) { this[at + place] = value & 0xff; value = Math.floor(value / 256); } return at + size; }
  writeUIntLE(value, at, size) { for (let place = 0; place < size; place += 1) { this[at + place] = value & 0xff; value = Math.floor(value / 256); } return at + size; }
  writeIntBE(value, at, size) { return this.writeUIntBE(value < 0 ? value + 2 ** (size * 8) : value, at, size); }
  writeIntLE(value, at, size) { return this.writeUIntLE(value < 0 ? value + 2 ** (size * 8) : value, at, size); }
  get [Symbol.toStringTag]() { return 'Uint8Array'; }
}

const NUMBERS = { UInt8: ['Uint8', 1], Int8: ['Int8', 1], UInt16: ['Uint16', 2], Int16: ['Int16', 2], UInt32: ['Uint32', 4], Int32: ['Int32', 4], Float: ['Float32', 4], Double: ['Float64', 8], BigInt64: ['BigInt64', 8], BigUInt64: ['BigUint64', 8] };

for (const [name, [kind, size]] of Object.entries(NUMBERS)) {
  for (const order of size === 1 ? [''] : ['BE', 'LE']) {
    const data = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const read = { [name](at = 0) { return data(this)[`get${kind}`](at, order === 'LE'); } }[name];
    const write = { [name](value, at = 0) { data(this)[`set${kind}`](at, value, order === 'LE'); return at + size; } }[name];
    for (const spelled of [name, name.replace('UInt', 'Uint')]) {
      Object.defineProperty(Bytes.prototype, `read${spelled}${order}`, { value: read, writable: true, configurable: true });
      Object.defineProperty(Bytes.prototype, `write${spelled}${order}`, { value: write, writable: true, configurable: true });
    }
  }
}

/** `Buffer(…)` and `new Buffer(…)` are deprecated forms of `Buffer.from` and `Buffer.alloc`. */
export const Buffer = new Proxy(Bytes, {
  apply: (_, __, [value, ...rest]) => (typeof value === 'number' ? Bytes.alloc(value) : bufferFrom(value, ...rest)),
  construct: (_, [value, ...rest]) => (typeof value === 'number' ? Bytes.alloc(value) : bufferFrom(value, ...rest)),
});
Object.defineProperty(Bytes.prototype, 'constructor', { value: Buffer, writable: true, configurable: true });
Object.defineProperty(Bytes, 'name', { value: 'Buffer', configurable: true });
Bytes.poolSize = 8192;

export const SlowBuffer = Buffer;
export const kMaxLength = 0x7fffffff;
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 0x1fffffff };
export const INSPECT_MAX_BYTES = 50;
const { Blob, File } = web;
const { atob, btoa } = texts;
export { Blob, File, atob, btoa };
export const isUtf8 = (value) => { try { host.decode(view(value), true); return true; } catch { return false; } };
export const isAscii = (value) => view(value).every((byte) => byte < 128);
export const globals = { Buffer };
export default { Buffer, SlowBuffer, kMaxLength, constants, INSPECT_MAX_BYTES, Blob, File, atob, btoa, isUtf8, isAscii };
