// Cryptography: digests and HMACs, by the runtime itself, and random numbers.

import { random, view } from 'dormouse:bytes';

const host = globalThis.__dormouse;

const DIGESTS = new Set(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']);

const HEX = [...Array(256).keys()].map((byte) => byte.toString(16).padStart(2, '0'));

const nameOf = (algorithm) => String(typeof algorithm === 'string' ? algorithm : algorithm.name).toUpperCase();

function digestOf(algorithm) {
  const name = nameOf(algorithm);
  if (!DIGESTS.has(name)) throw unsupported(`the digest ${name}`);
  return name;
}

function unsupported(what) {
  return new globalThis.DOMException(`${what} is not there; digests (SHA-1, SHA-256, SHA-384, SHA-512) and HMAC with them are`, 'NotSupportedError');
}

const keys = new WeakMap();

class CryptoKey {
  constructor(type, algorithm, extractable, usages, bytes) {
    Object.assign(this, { type, algorithm, extractable, usages });
    keys.set(this, bytes);
  }
}

function bytesOf(key, usage) {
  if (!key.usages.includes(usage)) throw new globalThis.DOMException(`the key is not for ${usage}`, 'InvalidAccessError');
  return keys.get(key);
}

const subtle = {
  async digest(algorithm, data) { return host.digest(digestOf(algorithm), view(data)).buffer; },
  async importKey(format, data, algorithm, extractable, usages) {
    if (nameOf(algorithm) !== 'HMAC') throw unsupported(`a key for ${nameOf(algorithm)}`);
    const hash = { name: digestOf(algorithm.hash) };
    let bytes;
    if (format === 'raw') bytes = view(data).slice();
    else if (format === 'jwk' && data.kty === 'oct') bytes = Uint8Array.from(globalThis.atob(data.k.replace(/-/g, '+').replace(/_/g, '/')), (letter) => letter.charCodeAt(0));
    else throw unsupported(`the key format ${format}`);
    return new CryptoKey('secret', { name: 'HMAC', hash, length: bytes.length * 8 }, extractable, [...usages], bytes);
  },
  async generateKey(algorithm, extractable, usages) {
    if (nameOf(algorithm) !== 'HMAC') throw unsupported(`a key for ${nameOf(algorithm)}`);
    const hash = { name: digestOf(algorithm.hash) };
    const length = algorithm.length ?? (hash.name === 'SHA-1' || hash.name === 'SHA-256' ? 512 : 1024);
    return new CryptoKey('secret', { name: 'HMAC', hash, length }, extractable, [...usages], random(length / 8));
  },
  async exportKey(format, key) {
    if (!key.extractable) throw new globalThis.DOMException('the key is not extractable', 'InvalidAccessError');
    if (format !== 'raw') throw unsupported(`the key format ${format}`);
    return keys.get(key).slice().buffer;
  },
  async sign(algorithm, key, data) {
    if (nameOf(algorithm) !== 'HMAC') throw unsupported(`a signature by ${nameOf(algorithm)}`);
    return host.hmac(key.algorithm.hash.name, bytesOf(key, 'sign'), view(data)).buffer;
  },
  async verify(algorithm, key, signature, data) {
    if (nameOf(algorithm) !== 'HMAC') throw unsupported(`a signature by ${nameOf(algorithm)}`);
    const right = host.hmac(key.algorithm.hash.name, bytesOf(key, 'verify'), view(data));
    const given = view(signature);
    let differs = right.length ^ given.length;
    for (let place = 0; place < right.length; place += 1) differs |= right[place] ^ (given[place] ?? 0);
    return differs === 0;
  },
};

for (const name of ['encrypt', 'decrypt', 'deriveKey', 'deriveBits', 'wrapKey', 'unwrapKey']) {
  subtle[name] = async () => { throw unsupported(`crypto.subtle.${name}`); };
}

const crypto = {
  subtle,
  getRandomValues(array) {
    const target = view(array);
    for (let place = 0; place < target.length; place += 65536) {
      target.set(random(Math.min(65536, target.length - place)), place);
    }
    return array;
  },
  randomUUID() {
    const bytes = random(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const text = [...bytes].map((byte) => HEX[byte]).join('');
    return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}`;
  },
};

export const globals = { CryptoKey, crypto };
