// The global `crypto`. A key is kept as bytes: a secret key raw, a private key as PKCS #8, a public key as SPKI.

import { fromBase64, random, toBase64, view } from 'dormouse:bytes';
import { compute } from 'dormouse:secrets';

const host = globalThis.__dormouse;

const DIGESTS = new Set(['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']);

const HEX = [...Array(256).keys()].map((byte) => byte.toString(16).padStart(2, '0'));

const NONE = new Uint8Array(0);

/** Block ciphers, of which AES-GCM alone notices changes of what was encrypted. */
const AES = new Set(['AES-CBC', 'AES-CTR', 'AES-GCM']);

const SYMMETRIC = new Set(['HMAC', 'PBKDF2', 'HKDF', ...AES]);

const nameOf = (algorithm) => {
  const name = String(typeof algorithm === 'string' ? algorithm : algorithm.name).toUpperCase();
  return name === 'ED25519' ? 'Ed25519' : name === 'RSASSA-PKCS1-V1_5' ? 'RSASSA-PKCS1-v1_5' : name;
};

function digestOf(algorithm) {
  const name = nameOf(algorithm);
  if (!DIGESTS.has(name)) throw unsupported(`the digest ${name}`);
  return name;
}

function unsupported(what) {
  return new globalThis.DOMException(`${what} is not supported; supported are digests (SHA-1, SHA-256, SHA-384, SHA-512), HMAC, RSASSA-PKCS1-v1_5, RSA-PSS, RSA-OAEP, ECDSA and ECDH (P-256, P-384), Ed25519, AES-GCM, AES-CBC and AES-CTR (128 and 256 bits; a nonce of 12 or 16 bytes), PBKDF2 and HKDF`, 'NotSupportedError');
}

const bad = (message, name = 'DataError') => new globalThis.DOMException(message, name);
const failed = (message) => bad(message, 'OperationError');

const keys = new WeakMap();

class CryptoKey {
  constructor(type, algorithm, extractable, usages, bytes) {
    Object.assign(this, { type, algorithm, extractable, usages });
    keys.set(this, bytes);
  }
  get [Symbol.toStringTag]() { return 'CryptoKey'; }
}

export const keyBytes = (key) => keys.get(key);

function bytesOf(key, usage, name) {
  if (!(key instanceof CryptoKey)) throw new TypeError('the key is not a CryptoKey');
  if (name && key.algorithm.name !== name) throw bad(`the key is one of ${key.algorithm.name}, and ${name} was asked for`, 'InvalidAccessError');
  if (!key.usages.includes(usage)) throw bad(`the key is not for ${usage}`, 'InvalidAccessError');
  return keys.get(key);
}

const toUrl = (bytes) => toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

function fromUrl(text, what) {
  const bytes = fromBase64(String(text).replace(/-/g, '+').replace(/_/g, '/'));
  if (!bytes) throw bad(`${what} of the JSON Web Key is not base64`);
  return bytes;
}

/** Returns the name that the runtime uses for a kind of key. */
function kindOf(name, algorithm) {
  if (name.startsWith('RSA')) return 'RSA';
  if (name === 'Ed25519') return name;
  if (name === 'ECDSA' || name === 'ECDH') {
    const curve = String(algorithm.namedCurve ?? '');
    if (curve !== 'P-256' && curve !== 'P-384') throw unsupported(`the curve ${curve}`);
    return curve;
  }
  throw unsupported(`a key for ${name}`);
}

const usagesOf = (usages, type) => [...usages].filter((usage) => (type === 'public' ? ['verify', 'encrypt', 'wrapKey'] : ['sign', 'decrypt', 'deriveKey', 'deriveBits', 'unwrapKey']).includes(usage));

/** Returns the algorithm of a key, in the form of the Web Cryptography API. */
function describeAlgorithm(name, kind, algorithm, der, type) {
  if (kind === 'Ed25519') return { name };
  if (kind !== 'RSA') return { name, namedCurve: kind };
  const { n, e } = host.partsOfKey(kind, type === 'private', der);
  return { name, hash: { name: digestOf(algorithm.hash) }, modulusLength: n.length * 8, publicExponent: e };
}

function secretKey(name, algorithm, extractable, usages, bytes) {
  compute(bytes);
  if (AES.has(name) && bytes.length === 24) throw unsupported(`a key of ${name} with 192 bits`);
  if (AES.has(name) && ![16, 32].includes(bytes.length)) throw bad(`a key of ${name} has 128 or 256 bits`);
  const length = bytes.length * 8;
  const about = name === 'HMAC' ? { name, hash: { name: digestOf(algorithm.hash) }, length } : AES.has(name) ? { name, length } : { name };
  return new CryptoKey('secret', about, extractable, [...usages], bytes);
}

function importSymmetric(name, format, data, algorithm, extractable, usages) {
  if (format === 'raw') return secretKey(name, algorithm, extractable, usages, view(data).slice());
  if (format === 'jwk' && data.kty === 'oct') return secretKey(name, algorithm, extractable, usages, fromUrl(data.k, 'k'));
  throw unsupported(`the format ${format} of a key for ${name}`);
}

const PARTS = ['n', 'e', 'd', 'p', 'q', 'x', 'y'];

function importPair(name, format, data, algorithm, extractable, usages) {
  const kind = kindOf(name, algorithm);
  const type = format === 'pkcs8' || (format === 'jwk' && data.d !== undefined) ? 'private' : 'public';
  let der;
  if (format === 'jwk') {
    const parts = {};
    for (const part of PARTS) if (data[part] !== undefined) parts[part] = fromUrl(data[part], part);
    der = host.keyOfParts(kind, parts);
  } else der = host.readKey(kind, format, view(data));
  if (!der) throw bad(`the key is not a key of ${name} in the format ${format}`);
  return new CryptoKey(type, describeAlgorithm(name, kind, algorithm, der, type), type === 'public' || extractable, [...usages], der);
}

const TYPES = { RSA: 'RSA', Ed25519: 'OKP', 'P-256': 'EC', 'P-384': 'EC' };

const ALGS = {
  HMAC: (key) => `HS${key.algorithm.hash.name.slice(4)}`,
  'RSASSA-PKCS1-v1_5': (key) => `RS${key.algorithm.hash.name.slice(4)}`,
  'RSA-PSS': (key) => `PS${key.algorithm.hash.name.slice(4)}`,
  'RSA-OAEP': (key) => (key.algorithm.hash.name === 'SHA-1' ? 'RSA-OAEP' : `RSA-OAEP-${key.algorithm.hash.name.slice(4)}`),
  'AES-GCM': (key) => `A${key.algorithm.length}GCM`,
  'AES-CBC': (key) => `A${key.algorithm.length}CBC`,
  'AES-CTR': (key) => `A${key.algorithm.length}CTR`,
  Ed25519: () => 'EdDSA',
};

function exportJwk(key) {
  const { name } = key.algorithm;
  const about = { key_ops: [...key.usages], ext: key.extractable };
  const alg = ALGS[name]?.(key);
  if (alg) about.alg = alg;
  if (key.type === 'secret') return { kty: 'oct', k: toUrl(keys.get(key)), ...about };
  const kind = kindOf(name, key.algorithm);
  const jwk = { kty: TYPES[kind], ...about };
  if (kind !== 'RSA') jwk.crv = kind;
  for (const [part, bytes] of Object.entries(host.partsOfKey(kind, key.type === 'private', keys.get(key)))) jwk[part] = toUrl(bytes);
  return jwk;
}

/** Returns the hash of a signature. For a curve, the algorithm names the hash; otherwise the key does. */
const hashFor = (name, algorithm, key) => (name === 'Ed25519' ? '' : digestOf(name === 'ECDSA' ? algorithm.hash : key.algorithm.hash));

const schemeOf = (name, key) => (name === 'ECDSA' ? key.algorithm.namedCurve : name === 'RSASSA-PKCS1-v1_5' ? 'RSASSA-PKCS1-V1_5' : name);

const SIGNS = new Set(['RSASSA-PKCS1-v1_5', 'RSA-PSS', 'ECDSA', 'Ed25519']);

function gcm(encrypts, algorithm, key, data) {
  const nonce = view(algorithm.iv);
  if (![12, 16].includes(nonce.length) || (algorithm.tagLength ?? 128) !== 128) throw unsupported('AES-GCM with another nonce or tag');
  return host.gcm(encrypts, key, nonce, algorithm.additionalData ? view(algorithm.additionalData) : NONE, view(data));
}

function aes(name, encrypts, algorithm, key, data) {
  const isCounter = name === 'AES-CTR';
  const start = view(isCounter ? algorithm.counter : algorithm.iv);
  if (start.length !== 16) throw failed(`the ${isCounter ? 'counter' : 'iv'} of ${name} has 16 bytes`);
  if (isCounter && wraps(start, algorithm.length, data.byteLength)) throw failed('the counter of AES-CTR is too short for so much');
  return host.aes(isCounter, encrypts, key, start, view(data));
}

/** Whether so many bits of a counter begin anew before all is encrypted. The runtime counts with all of its 128 bits. */
function wraps(counter, length, size) {
  const bits = BigInt(length);
  const first = BigInt.asUintN(Number(bits), BigInt(`0x${[...counter].map((byte) => HEX[byte]).join('')}`));
  return first + BigInt(Math.ceil(size / 16)) > 1n << bits;
}

function cipher(encrypts, usage) {
  return async (algorithm, key, data) => {
    const name = nameOf(algorithm);
    const bytes = bytesOf(key, usage, name);
    let done;
    if (name === 'AES-GCM') done = gcm(encrypts, algorithm, bytes, data);
    else if (AES.has(name)) done = aes(name, encrypts, algorithm, bytes, data);
    else if (name === 'RSA-OAEP') done = host.oaep(encrypts, key.algorithm.hash.name, bytes, algorithm.label ? view(algorithm.label) : NONE, view(data));
    else throw unsupported(`${usage} by ${name}`);
    if (!done) throw failed(encrypts ? 'it could not be encrypted: it is too long for the key' : 'it could not be decrypted: the key is another, or it was changed');
    return done.buffer;
  };
}

function derive(algorithm, key, length) {
  const name = nameOf(algorithm);
  const bytes = keys.get(key);
  let derived;
  if (name === 'PBKDF2') derived = host.pbkdf2(digestOf(algorithm.hash), bytes, view(algorithm.salt), Number(algorithm.iterations), length / 8);
  else if (name === 'HKDF') derived = host.hkdf(digestOf(algorithm.hash), bytes, view(algorithm.salt), view(algorithm.info), length / 8);
  else if (name === 'ECDH') {
    derived = host.agree(key.algorithm.namedCurve, bytes, keys.get(algorithm.public));
    if (derived && length) derived = derived.slice(0, length / 8);
  } else throw unsupported(`a derivation by ${name}`);
  if (!derived) throw failed(`${name} cannot derive ${length} bits of this`);
  return derived;
}

const lengthOf = (algorithm) => algorithm.length ?? (nameOf(algorithm) === 'HMAC' ? (/SHA-(1|256)$/.test(digestOf(algorithm.hash)) ? 512 : 1024) : 256);

const subtle = {
  async digest(algorithm, data) { return host.digest(digestOf(algorithm), view(data)).buffer; },
  async importKey(format, data, algorithm, extractable, usages) {
    const name = nameOf(algorithm);
    const take = SYMMETRIC.has(name) ? importSymmetric : importPair;
    return take(name, format, data, algorithm, extractable, usages);
  },
  async exportKey(format, key) {
    if (!key.extractable) throw bad('the key is not extractable', 'InvalidAccessError');
    if (format === 'jwk') return exportJwk(key);
    const bytes = keys.get(key);
    if ((format === 'raw' && key.type === 'secret') || (format === 'pkcs8' && key.type === 'private') || (format === 'spki' && key.type === 'public')) return bytes.slice().buffer;
    if (format === 'raw' && key.type === 'public' && !key.algorithm.name.startsWith('RSA')) {
      const { x, y } = host.partsOfKey(kindOf(key.algorithm.name, key.algorithm), false, bytes);
      return (y ? Uint8Array.of(4, ...x, ...y) : x).buffer;
    }
    throw unsupported(`the format ${format} of a ${key.type} key`);
  },
  async generateKey(algorithm, extractable, usages) {
    const name = nameOf(algorithm);
    if (SYMMETRIC.has(name)) return secretKey(name, algorithm, extractable, usages, random(lengthOf(algorithm) / 8));
    const kind = kindOf(name, algorithm);
    const secret = host.newKey(kind, Number(algorithm.modulusLength ?? 0));
    if (!secret) throw failed(`no key of ${name} could be made with these settings`);
    const open = host.publicKey(kind, secret);
    return {
      privateKey: new CryptoKey('private', describeAlgorithm(name, kind, algorithm, secret, 'private'), extractable, usagesOf(usages, 'private'), secret),
      publicKey: new CryptoKey('public', describeAlgorithm(name, kind, algorithm, open, 'public'), true, usagesOf(usages, 'public'), open),
    };
  },
  async sign(algorithm, key, data) {
    const name = nameOf(algorithm);
    const bytes = bytesOf(key, 'sign', name);
    if (name === 'HMAC') return host.hmac(key.algorithm.hash.name, bytes, view(data)).buffer;
    if (!SIGNS.has(name)) throw unsupported(`a signature by ${name}`);
    const made = host.sign(schemeOf(name, key), hashFor(name, algorithm, key), bytes, view(data), algorithm.saltLength ?? 0);
    if (!made) throw failed(`the key makes no signature by ${name}`);
    return made.buffer;
  },
  async verify(algorithm, key, signature, data) {
    const name = nameOf(algorithm);
    const bytes = bytesOf(key, 'verify', name);
    if (name === 'HMAC') return equal(host.hmac(key.algorithm.hash.name, bytes, view(data)), view(signature));
    if (!SIGNS.has(name)) throw unsupported(`a signature by ${name}`);
    return host.verify(schemeOf(name, key), hashFor(name, algorithm, key), bytes, view(signature), view(data), algorithm.saltLength ?? 0);
  },
  encrypt: cipher(true, 'encrypt'),
  decrypt: cipher(false, 'decrypt'),
  async deriveBits(algorithm, key, length) {
    if (!key.usages.includes('deriveBits') && !key.usages.includes('deriveKey')) throw bad('the key is not for deriveBits', 'InvalidAccessError');
    return derive(algorithm, key, length ?? 0).slice().buffer;
  },
  async deriveKey(algorithm, key, wanted, extractable, usages) {
    bytesOf(key, 'deriveKey');
    return subtle.importKey('raw', derive(algorithm, key, lengthOf(wanted)), wanted, extractable, usages);
  },
};

for (const name of ['wrapKey', 'unwrapKey']) {
  subtle[name] = async () => { throw unsupported(`crypto.subtle.${name}`); };
}

/** Compares two byte sequences in constant time. */
export function equal(right, given) {
  let differs = right.length ^ given.length;
  for (let place = 0; place < right.length; place += 1) differs |= right[place] ^ (given[place] ?? 0);
  return differs === 0;
}

class SubtleCrypto {}
Object.setPrototypeOf(subtle, SubtleCrypto.prototype);

class Crypto {}

const crypto = Object.setPrototypeOf({
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
}, Crypto.prototype);

export const globals = { Crypto, CryptoKey, SubtleCrypto, crypto };
export { crypto };
