// Node's `crypto`: digests, HMACs, signatures with a PEM key, key derivation and random numbers.

import { crypto as web, equal } from 'dormouse:crypto';
import { host, join, random, view } from 'dormouse:bytes';
import { compute } from 'dormouse:secrets';
import { Buffer } from 'node:buffer';

const DIGESTS = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' };

function digestOf(name) {
  const plain = String(name).toLowerCase().replace(/^rsa-/, '').replace('-', '');
  const digest = DIGESTS[plain];
  if (!digest) throw Object.assign(new Error(`the digest ${name} is not supported; supported are ${Object.keys(DIGESTS).join(', ')}`), { code: 'ERR_OSSL_EVP_UNSUPPORTED' });
  return digest;
}

const bytes = (value, encoding) => (typeof value === 'string' ? Buffer.from(value, encoding) : value instanceof KeyObject ? value.export() : view(value));

const encodeResult = (made, encoding) => (encoding && encoding !== 'buffer' ? Buffer.from(made).toString(encoding) : Buffer.from(made));

class Hash {
  #finish; #parts = [];
  constructor(finish) { this.#finish = finish; }
  update(data, encoding) {
    if (!this.#parts) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    this.#parts.push(bytes(data, encoding).slice());
    return this;
  }
  digest(encoding) {
    if (!this.#parts) throw Object.assign(new Error('Digest already called'), { code: 'ERR_CRYPTO_HASH_FINALIZED' });
    const all = join(this.#parts);
    this.#parts = undefined;
    return encodeResult(this.#finish(all), encoding);
  }
  copy() { const copy = new Hash(this.#finish); copy.#parts = [...this.#parts]; return copy; }
}

export function createHash(name) {
  const digest = digestOf(name);
  return new Hash((data) => { compute(data); return host.digest(digest, data); });
}

export const hash = (name, data, encoding = 'hex') => createHash(name).update(data).digest(encoding);

export function createHmac(name, key) {
  const [digest, secret] = [digestOf(name), bytes(key).slice()];
  compute(secret);
  return new Hash((data) => host.hmac(digest, secret, data));
}

class KeyObject {
  #bytes;
  constructor(type, kind, key) { Object.assign(this, { type, asymmetricKeyType: kind && { RSA: 'rsa', Ed25519: 'ed25519' }[kind] || (kind ? 'ec' : undefined) }); this.kind = kind; this.#bytes = key; }
  get symmetricKeySize() { return this.kind ? undefined : this.#bytes.length; }
  get asymmetricKeyDetails() {
    if (!this.kind) return undefined;
    if (this.kind !== 'RSA') return this.kind === 'Ed25519' ? {} : { namedCurve: NODE_CURVES[this.kind] };
    const { n, e } = this.#parts();
    return { modulusLength: n.length * 8, publicExponent: BigInt(`0x${Buffer.from(e).toString('hex')}`) };
  }
  #parts() { return host.partsOfKey(this.kind, this.type === 'private', this.#bytes); }
  export({ format = 'der', type } = {}) {
    if (format === 'jwk') {
      const jwk = this.kind ? { kty: this.kind === 'RSA' ? 'RSA' : this.kind === 'Ed25519' ? 'OKP' : 'EC' } : { kty: 'oct', k: Buffer.from(this.#bytes).toString('base64url') };
      if (this.kind && this.kind !== 'RSA') jwk.crv = this.kind;
      for (const [name, part] of Object.entries(this.kind ? this.#parts() : {})) jwk[name] = Buffer.from(part).toString('base64url');
      return jwk;
    }
    if (type === 'pkcs1' || type === 'sec1') throw Object.assign(new Error(`a key is not exported as ${type}; use pkcs8 or spki`), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' });
    const der = Buffer.from(this.#bytes);
    if (format !== 'pem') return der;
    const label = this.type === 'private' ? 'PRIVATE KEY' : 'PUBLIC KEY';
    return `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`;
  }
  equals(other) { return other.type === this.type && Buffer.from(this.#bytes).equals(Buffer.from(other.#bytes)); }
}

const NODE_CURVES = { 'P-256': 'prime256v1', 'P-384': 'secp384r1' };

const KINDS = ['RSA', 'P-256', 'P-384', 'Ed25519'];

/** Reads a key of any kind from PEM. */
function keyOf(given, wanted) {
  const key = given?.key ?? given;
  if (key instanceof KeyObject) return wanted === 'public' && key.type === 'private' ? new KeyObject('public', key.kind, host.publicKey(key.kind, key.export())) : key;
  if (given?.format === 'jwk') return ofJwk(key, wanted);
  if (given?.format === 'der') return ofDer(view(key), wanted, given.type ?? (wanted === 'private' ? 'pkcs8' : 'spki'), 'der');
  const text = typeof key === 'string' ? key : host.decode(view(key), false);
  const [, label, body] = /-----BEGIN ([A-Z ]+)-----([\s\S]*?)-----END/.exec(text) ?? [];
  if (!label) throw Object.assign(new Error('the key is not PEM'), { code: 'ERR_INVALID_ARG_VALUE' });
  let der = Buffer.from(body, 'base64');
  if (label === 'RSA PRIVATE KEY') der = wrapped(der);
  return ofDer(der, wanted, label.endsWith('PRIVATE KEY') ? 'pkcs8' : 'spki', label);
}

function ofDer(der, wanted, form, label) {
  for (const kind of KINDS) {
    const read = host.readKey(kind, form, der);
    if (read) return keyOf(new KeyObject(form === 'pkcs8' ? 'private' : 'public', kind, read), wanted);
  }
  throw Object.assign(new Error(`a key in the form ${label} cannot be read; there are PKCS #8 and SPKI of RSA, P-256, P-384 and Ed25519`), { code: 'ERR_OSSL_UNSUPPORTED' });
}

function ofJwk(jwk, wanted) {
  const kind = jwk.kty === 'RSA' ? 'RSA' : jwk.crv;
  const parts = {};
  for (const part of ['n', 'e', 'd', 'p', 'q', 'x', 'y']) if (jwk[part] !== undefined) parts[part] = Buffer.from(jwk[part], 'base64url');
  const der = KINDS.includes(kind) ? host.keyOfParts(kind, parts) : undefined;
  if (!der) throw Object.assign(new Error('the JSON Web Key cannot be read; there are RSA, P-256, P-384 and Ed25519'), { code: 'ERR_CRYPTO_INVALID_JWK' });
  return keyOf(new KeyObject(parts.d ? 'private' : 'public', kind, der), wanted);
}

/** Encodes content with its tag and length, as DER. */
const sized = (tag, content) => {
  const { length } = content;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
};

/** Wraps a bare RSA private key (PKCS #1) as PKCS #8. */
const wrapped = (der) => sized(0x30, Buffer.concat([Buffer.from('020100300d06092a864886f70d0101010500', 'hex'), sized(0x04, der)]));

export const createPrivateKey = (key) => keyOf(key, 'private');
export const createPublicKey = (key) => keyOf(key, 'public');
export const createSecretKey = (key, encoding) => new KeyObject('secret', undefined, bytes(key, encoding));

const schemeOf = (key, given) => (key.kind !== 'RSA' ? key.kind : given?.padding === constants.RSA_PKCS1_PSS_PADDING ? 'RSA-PSS' : 'RSASSA-PKCS1-V1_5');
const lengths = { 'SHA-1': 20, 'SHA-256': 32, 'SHA-384': 48, 'SHA-512': 64 };
const saltOf = (given, digest) => (given?.saltLength > 0 ? given.saltLength : lengths[digest] ?? 0);

/** Encodes `r` and `s` of an elliptic-curve signature as DER. */
function toDer(raw) {
  const number = (part) => {
    const trimmed = part.subarray(Math.max(0, part.findIndex((byte) => byte !== 0)));
    return sized(0x02, trimmed[0] & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed);
  };
  return sized(0x30, Buffer.concat([number(raw.subarray(0, raw.length / 2)), number(raw.subarray(raw.length / 2))]));
}

function fromDer(der, half) {
  let place = der[1] & 0x80 ? 3 : 2;
  const number = () => {
    const length = der[place + 1];
    const part = der.subarray(place + 2, place + 2 + length);
    place += 2 + length;
    const trimmed = part.length > half ? part.subarray(part.length - half) : part;
    return Buffer.concat([Buffer.alloc(half - trimmed.length), trimmed]);
  };
  return Buffer.concat([number(), number()]);
}

const isCurve = (key) => key.kind.startsWith('P-');
const digestFor = (name, key) => (name ? digestOf(name) : key.kind === 'Ed25519' ? '' : 'SHA-256');

export function sign(name, data, given) {
  const key = keyOf(given, 'private');
  const digest = digestFor(name, key);
  const made = host.sign(schemeOf(key, given), digest, key.export(), bytes(data), saltOf(given, digest));
  if (!made) throw new Error('the key makes no such signature');
  return isCurve(key) && given?.dsaEncoding !== 'ieee-p1363' ? toDer(Buffer.from(made)) : Buffer.from(made);
}

export function verify(name, data, given, signature) {
  const key = keyOf(given, 'public');
  const digest = digestFor(name, key);
  let checked = bytes(signature);
  if (isCurve(key) && given?.dsaEncoding !== 'ieee-p1363') checked = fromDer(Buffer.from(checked), key.kind === 'P-256' ? 32 : 48);
  return host.verify(schemeOf(key, given), digest, key.export(), checked, bytes(data), saltOf(given, digest));
}

class Signature {
  #name; #parts = [];
  constructor(name) { this.#name = name; }
  update(data, encoding) { this.#parts.push(bytes(data, encoding).slice()); return this; }
  write(data, encoding) { return this.update(data, encoding); }
  end(data, encoding) { return data === undefined ? this : this.update(data, encoding); }
  sign(key, encoding) { return encodeResult(sign(this.#name, join(this.#parts), key), encoding); }
  verify(key, signature, encoding) { return verify(this.#name, join(this.#parts), key, bytes(signature, encoding)); }
}

export const createSign = (name) => new Signature(name);
export const createVerify = (name) => new Signature(name);

export const randomBytes = (size, done) => {
  const drawn = Buffer.from(random(size));
  if (done) queueMicrotask(() => done(null, drawn));
  return drawn;
};

export function randomFillSync(target, begin = 0, size) {
  const part = view(target).subarray(begin, size === undefined ? undefined : begin + size);
  part.set(random(part.length));
  return target;
}

export function randomInt(low, high, done) {
  if (typeof high !== 'number') [low, high, done] = [0, low, high];
  const drawn = low + Math.floor(Math.random() * (high - low));
  if (done) queueMicrotask(() => done(null, drawn));
  return drawn;
}

export const randomUUID = () => web.randomUUID();

export function timingSafeEqual(a, b) {
  const [right, given] = [view(a), view(b)];
  if (right.length !== given.length) throw Object.assign(new RangeError('Input buffers must have the same byte length'), { code: 'ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH' });
  return equal(right, given);
}

export function pbkdf2Sync(password, salt, rounds, length, name) {
  const derived = host.pbkdf2(digestOf(name), bytes(password), bytes(salt), rounds, length);
  if (!derived) throw new Error('pbkdf2 cannot derive so many bytes of this digest');
  return Buffer.from(derived);
}

export const pbkdf2 = (password, salt, rounds, length, name, done) => queueMicrotask(() => done(null, pbkdf2Sync(password, salt, rounds, length, name)));

export function hkdfSync(name, key, salt, info, length) {
  const derived = host.hkdf(digestOf(name), bytes(key), bytes(salt), bytes(info), length);
  if (!derived) throw new Error('hkdf cannot derive so many bytes');
  return derived.buffer;
}

const absent = (what) => () => { throw Object.assign(new Error(`${what} of node:crypto is not available; use crypto.subtle`), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' }); };
const CIPHER = /^(?:id-)?aes-?(128|256)-(cbc|ctr|gcm)$/;

/** A cipher, which gives everything at its end. */
class Cipher {
  #mode; #encrypts; #key; #iv; #parts = []; #aad = Buffer.alloc(0); #tag;
  constructor(encrypts, name, key, iv) {
    const [, bits, mode] = CIPHER.exec(String(name).toLowerCase()) ?? [];
    if (!mode) throw Object.assign(new Error(`the cipher ${name} is not supported; supported are ${getCiphers().join(', ')}`), { code: 'ERR_CRYPTO_UNKNOWN_CIPHER' });
    [this.#mode, this.#encrypts, this.#key, this.#iv] = [mode, encrypts, bytes(key).slice(), bytes(iv).slice()];
    compute(this.#key);
    if (this.#key.length !== bits / 8) throw Object.assign(new RangeError('Invalid key length'), { code: 'ERR_CRYPTO_INVALID_KEYLEN' });
    if (mode === 'gcm' ? ![12, 16].includes(this.#iv.length) : this.#iv.length !== 16) throw Object.assign(new TypeError('Invalid initialization vector'), { code: 'ERR_CRYPTO_INVALID_IV' });
  }
  update(data, from, to) { this.#parts.push(bytes(data, from).slice()); return encodeResult(Buffer.alloc(0), to); }
  setAAD(data) { this.#aad = bytes(data).slice(); return this; }
  setAuthTag(tag, encoding) { this.#tag = bytes(tag, encoding).slice(); return this; }
  getAuthTag() { return Buffer.from(this.#tag); }
  setAutoPadding(pads = true) {
    if (!pads) throw Object.assign(new Error('a cipher without padding is not supported'), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' });
    return this;
  }
  final(to) {
    const data = join(this.#parts);
    return encodeResult(this.#mode === 'gcm' ? this.#gcm(data) : checked(host.aes(this.#mode === 'ctr', this.#encrypts, this.#key, this.#iv, data), 'bad decrypt'), to);
  }
  #gcm(data) {
    const why = 'Unsupported state or unable to authenticate data';
    if (!this.#encrypts) return checked(this.#tag?.length === 16 ? host.gcm(false, this.#key, this.#iv, this.#aad, join([data, this.#tag])) : undefined, why);
    const done = host.gcm(true, this.#key, this.#iv, this.#aad, data);
    this.#tag = done.slice(-16);
    return done.slice(0, -16);
  }
}

function checked(done, why) {
  if (!done) throw new Error(why);
  return done;
}

export const createCipheriv = (name, key, iv) => new Cipher(true, name, key, iv);
export const createDecipheriv = (name, key, iv) => new Cipher(false, name, key, iv);
export const scrypt = absent('scrypt');
export const scryptSync = absent('scryptSync');
export const generateKeyPair = absent('generateKeyPair');
export const generateKeyPairSync = absent('generateKeyPairSync');
export const createDiffieHellman = absent('createDiffieHellman');
export const createECDH = absent('createECDH');
export const publicEncrypt = absent('publicEncrypt');
export const privateDecrypt = absent('privateDecrypt');

export const constants = { RSA_PKCS1_PADDING: 1, RSA_PKCS1_OAEP_PADDING: 4, RSA_PKCS1_PSS_PADDING: 6, RSA_PSS_SALTLEN_DIGEST: -1, RSA_PSS_SALTLEN_AUTO: -2 };
export const getHashes = () => Object.keys(DIGESTS);
export const getCiphers = () => ['128', '256'].flatMap((bits) => ['cbc', 'ctr', 'gcm'].map((mode) => `aes-${bits}-${mode}`));
export const webcrypto = web;
export const { subtle } = web;
export const getRandomValues = (array) => web.getRandomValues(array);
export { KeyObject };
export default {
  createHash, hash, createHmac, createPrivateKey, createPublicKey, createSecretKey, sign, verify, createSign, createVerify, randomBytes, randomFillSync,
  randomInt, randomUUID, timingSafeEqual, pbkdf2, pbkdf2Sync, hkdfSync, createCipheriv, createDecipheriv, scrypt, scryptSync, generateKeyPair,
  generateKeyPairSync, createDiffieHellman, createECDH, publicEncrypt, privateDecrypt, constants, getHashes, getCiphers, webcrypto, subtle, getRandomValues, KeyObject,
};
