// Conversions between text and bytes: TextEncoder, TextDecoder, base64 and random bytes.

const host = globalThis.__dormouse;

/** Returns the bytes of a buffer or of a view of a buffer. */
export function view(value) {
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return new Uint8Array(value);
  throw new TypeError('expected an ArrayBuffer or a view of one');
}

class TextEncoder {
  get encoding() { return 'utf-8'; }
  encode(text = '') { return host.encode(text); }
  encodeInto(text, target) {
    const bytes = host.encode(text);
    let written = Math.min(bytes.length, target.length);
    // A character is written only as a whole.
    while (written < bytes.length && written > 0 && (bytes[written] & 0xc0) === 0x80) written -= 1;
    target.set(bytes.subarray(0, written));
    return { read: host.decode(bytes.subarray(0, written), false).length, written };
  }
}

const WIDE = new Set(['utf-16le', 'utf-16', 'ucs-2', 'utf-16be']);

const LATIN = new Set(['latin1', 'iso-8859-1', 'ascii', 'us-ascii', 'windows-1252']);

class TextDecoder {
  #fatal; #mark; #latin; #wide; #rest = new Uint8Array(0);
  constructor(label = 'utf-8', { fatal = false, ignoreBOM = false } = {}) {
    const name = String(label).trim().toLowerCase();
    this.#latin = LATIN.has(name);
    this.#wide = WIDE.has(name) ? name.endsWith('be') ? 'utf-16be' : 'utf-16le' : undefined;
    if (!this.#latin && !this.#wide && name !== 'utf-8' && name !== 'utf8' && name !== 'unicode-1-1-utf-8') {
      throw new RangeError(`TextDecoder reads utf-8, utf-16 and latin1, and was asked for ${JSON.stringify(label)}`);
    }
    this.#fatal = fatal;
    this.#mark = ignoreBOM;
  }
  get encoding() { return this.#latin ? 'windows-1252' : this.#wide ?? 'utf-8'; }
  get fatal() { return this.#fatal; }
  get ignoreBOM() { return this.#mark; }
  decode(input, { stream = false } = {}) {
    let bytes = input === undefined ? new Uint8Array(0) : view(input);
    if (this.#latin) return latin(bytes);
    if (this.#rest.length) bytes = join([this.#rest, bytes]);
    const left = this.#wide ? unfinishedWide(bytes, this.#wide) : unfinished(bytes);
    const whole = stream ? bytes.length - left : bytes.length;
    this.#rest = bytes.slice(whole);
    const text = this.#wide ? wide(bytes.subarray(0, whole), this.#wide, this.#fatal) : host.decode(bytes.subarray(0, whole), this.#fatal);
    return this.#mark ? text : withoutMark(text);
  }
}

const unitAt = (bytes, place, kind) => (kind === 'utf-16be' ? (bytes[place] << 8) | bytes[place + 1] : bytes[place] | (bytes[place + 1] << 8));

/** Decodes UTF-16. */
function wide(bytes, kind, fatal) {
  let text = '';
  for (let place = 0; place + 1 < bytes.length; place += 2) text += String.fromCharCode(unitAt(bytes, place, kind));
  if (fatal && (bytes.length % 2 || !text.isWellFormed())) throw new TypeError('the bytes are not UTF-16');
  return bytes.length % 2 ? `${text.toWellFormed()}\ufffd` : text.toWellFormed();
}

/** Returns the number of bytes at the end that begin a character whose other bytes are missing. */
function unfinishedWide(bytes, kind) {
  const odd = bytes.length % 2;
  const last = bytes.length - odd - 2;
  return last >= 0 && (unitAt(bytes, last, kind) & 0xfc00) === 0xd800 ? odd + 2 : odd;
}

const withoutMark = (text) => (text.charCodeAt(0) === 0xfeff ? text.slice(1) : text);

/** Decodes UTF-8, and leaves out a byte order mark. */
export const textOf = (bytes) => withoutMark(host.decode(bytes, false));

/** Returns the number of bytes at the end that begin a character whose other bytes are missing. */
function unfinished(bytes) {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

export function join(parts) {
  let length = 0;
  for (const part of parts) length += part.length;
  const all = new Uint8Array(length);
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}

/** Returns a text with one character up to U+00FF for each byte. */
export function latin(bytes) {
  let text = '';
  for (let place = 0; place < bytes.length; place += 4096) {
    text += String.fromCharCode(...bytes.subarray(place, place + 4096));
  }
  return text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const VALUES = new Map([...ALPHABET].map((letter, value) => [letter, value]));

export function toBase64(bytes) {
  let text = '';
  for (let place = 0; place < bytes.length; place += 3) {
    const [a, b, c] = [bytes[place], bytes[place + 1], bytes[place + 2]];
    text += ALPHABET[a >> 2] + ALPHABET[((a & 3) << 4) | ((b ?? 0) >> 4)];
    text += b === undefined ? '=' : ALPHABET[((b & 15) << 2) | ((c ?? 0) >> 6)];
    text += c === undefined ? '=' : ALPHABET[c & 63];
  }
  return text;
}

/** Decodes base64. Returns undefined if the text is not base64. */
export function fromBase64(text) {
  const letters = text.replace(/[\t\n\f\r ]/g, '').replace(/={1,2}$/, '');
  if (letters.length % 4 === 1) return undefined;
  const bytes = new Uint8Array(Math.floor((letters.length * 3) / 4));
  let [held, bits, place] = [0, 0, 0];
  for (const letter of letters) {
    const value = VALUES.get(letter);
    if (value === undefined) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[place] = (held >> bits) & 0xff;
      place += 1;
    }
  }
  return bytes;
}

/** The check of `btoa` for secrets. The module of secrets sets it, because that module imports this one. */
export const hooks = {};

function btoa(text) {
  const letters = String(text);
  const placeholder = hooks.inBase64?.(letters);
  if (placeholder) return placeholder;
  const bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) {
    const code = letters.charCodeAt(place);
    if (code > 255) throw invalid('btoa was given a character beyond U+00FF; encode the text with TextEncoder first');
    bytes[place] = code;
  }
  return toBase64(bytes);
}

function atob(text) {
  const bytes = fromBase64(String(text));
  if (!bytes) throw invalid('atob was given a text that is not base64');
  return latin(bytes);
}

function invalid(message) {
  return new globalThis.DOMException(message, 'InvalidCharacterError');
}

let drawn = new Uint8Array(0);

/** Returns random bytes. They are requested from the host in larger pieces, because each request has a cost. */
export function random(length) {
  if (length > 256) return host.random(length);
  if (drawn.length < length) drawn = host.random(1024);
  const bytes = drawn.slice(0, length);
  drawn = drawn.subarray(length);
  return bytes;
}

Math.random = () => {
  const bytes = new DataView(random(8).buffer);
  return (bytes.getUint32(0) * 0x200000 + (bytes.getUint32(4) >>> 11)) / 0x20000000000000;
};

export { host };
export const globals = { TextDecoder, TextEncoder, atob, btoa };
