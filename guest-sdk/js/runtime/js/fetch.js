// The web's `Request`, `Response`, `Headers` and `FormData`, and a durable `fetch`: a call of the run, whose response is recorded.

import { join, latin, textOf, view } from 'dormouse:bytes';
import { perform, stepName } from 'dormouse:operations';
import { decodeForm, encodeForm } from 'dormouse:multipart';
import { withSecrets } from 'dormouse:secrets';

const host = globalThis.__dormouse;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Reads the headers that were received from a text with a line for each name and each value, after some other lines. */
export function receivedFields(text, before = 0) {
  const lines = text.split('\n');
  const fields = [];
  for (let place = before; place + 1 < lines.length; place += 2) fields.push([lines[place], lines[place + 1]]);
  return fields;
}

export class Headers {
  #fields = [];
  constructor(init) {
    if (init === undefined || init === null) return;
    const pairs = typeof init[Symbol.iterator] === 'function' ? init : Object.entries(init);
    for (const [name, value] of pairs) this.append(name, value);
  }
  append(name, value) {
    const key = String(name).toLowerCase();
    const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
    if (!TOKEN.test(key)) throw new TypeError(`${JSON.stringify(name)} is not a valid header name`);
    if (/[\0\r\n]/.test(text)) throw new TypeError(`the value of the header ${key} has a line break or a zero in it`);
    this.#fields.push([key, text]);
  }
  delete(name) {
    const key = String(name).toLowerCase();
    this.#fields = this.#fields.filter((field) => field[0] !== key);
  }
  get(name) {
    const key = String(name).toLowerCase();
    const values = this.#fields.filter((field) => field[0] === key).map((field) => field[1]);
    return values.length ? values.join(', ') : null;
  }
  getSetCookie() { return this.#fields.filter((field) => field[0] === 'set-cookie').map((field) => field[1]); }
  has(name) {
    const key = String(name).toLowerCase();
    return this.#fields.some((field) => field[0] === key);
  }
  set(name, value) { this.delete(name); this.append(name, value); }
  // A private method that is not static would add a property to each object.
  static #sorted(headers) {
    const names = [...new Set(headers.#fields.map((field) => field[0]))].sort();
    return names.flatMap((name) => (name === 'set-cookie' ? headers.getSetCookie().map((value) => [name, value]) : [[name, headers.get(name)]]));
  }
  forEach(run, self) { for (const [name, value] of Headers.#sorted(this)) run.call(self, value, name, this); }
  keys() { return Headers.#sorted(this).map((field) => field[0]).values(); }
  values() { return Headers.#sorted(this).map((field) => field[1]).values(); }
  entries() { return Headers.#sorted(this).values(); }
  [Symbol.iterator]() { return this.entries(); }
}

class Blob {
  #bytes;
  constructor(parts = [], { type = '' } = {}) {
    const bytes = [...parts].map((part) => (part instanceof Blob ? part.#bytes : part instanceof ArrayBuffer || ArrayBuffer.isView(part) ? view(part).slice() : host.encode(part)));
    this.#bytes = join(bytes);
    this.type = String(type).toLowerCase();
  }
  static bytesOf(blob) { return blob.#bytes; }
  get size() { return this.#bytes.length; }
  slice(begin, end, type = '') { return new Blob([this.#bytes.slice(begin, end)], { type }); }
  async arrayBuffer() { return this.#bytes.slice().buffer; }
  async bytes() { return this.#bytes.slice(); }
  async text() { return host.decode(this.#bytes, false); }
  stream() { return globalThis.ReadableStream.from(this.#bytes.length ? [this.#bytes.slice()] : []); }
}

class File extends Blob {
  constructor(parts, name, options = {}) {
    super(parts, options);
    this.name = String(name);
    this.lastModified = options.lastModified ?? 0;
  }
}

class FormData {
  #fields = [];
  #value(value, name) {
    if (!(value instanceof Blob)) return String(value);
    return value instanceof File && name === undefined ? value : new File([value], name ?? 'blob', { type: value.type });
  }
  append(key, value, name) { this.#fields.push([String(key), this.#value(value, name)]); }
  delete(key) { this.#fields = this.#fields.filter((field) => field[0] !== String(key)); }
  get(key) { return this.#fields.find((field) => field[0] === String(key))?.[1] ?? null; }
  getAll(key) { return this.#fields.filter((field) => field[0] === String(key)).map((field) => field[1]); }
  has(key) { return this.#fields.some((field) => field[0] === String(key)); }
  set(key, value, name) { this.delete(key); this.append(key, value, name); }
  forEach(run, self) { for (const [key, value] of this.#fields) run.call(self, value, key, this); }
  keys() { return this.#fields.map((field) => field[0]).values(); }
  values() { return this.#fields.map((field) => field[1]).values(); }
  entries() { return this.#fields.values(); }
  [Symbol.iterator]() { return this.entries(); }
}

/** Encodes a form as a body. */
function multipart(form) {
  const parts = [...form].map(([name, value]) => (value instanceof Blob ? { name, file: value.name, type: value.type, bytes: Blob.bytesOf(value) } : { name, bytes: host.encode(value) }));
  return encodeForm(parts);
}

/** Decodes a body as a form, by its media type. */
function formOf(bytes, type) {
  const form = new FormData();
  const kind = type.split(';')[0].trim().toLowerCase();
  if (kind === 'multipart/form-data') {
    for (const { name, file, type: fileType, bytes: value } of decodeForm(bytes, type)) {
      form.append(name, file === undefined ? textOf(value) : new File([value], file, { type: fileType }));
    }
  } else if (kind === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new globalThis.URLSearchParams(textOf(bytes))) form.append(name, value);
  } else {
    throw new TypeError(`formData reads multipart/form-data and application/x-www-form-urlencoded, and the content type is ${kind ? JSON.stringify(kind) : 'not given'}`);
  }
  return form;
}

const NO_BODY = { bytes: null, stream: undefined, type: undefined };

/** Returns the bytes or the stream of a value that can be a body, and the media type that follows from its class. `bytes` is `null` if there is no body. */
export function bodyOf(body) {
  if (body === undefined || body === null) return NO_BODY;
  if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) return { bytes: view(body).slice(), type: undefined };
  if (body instanceof Blob) return { bytes: Blob.bytesOf(body), type: body.type || undefined };
  if (body instanceof FormData) return multipart(body);
  if (body instanceof globalThis.URLSearchParams) {
    return { bytes: host.encode(body.toString()), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  if (body instanceof globalThis.ReadableStream) return { stream: body, type: undefined };
  if (typeof body === 'object' && body[Symbol.asyncIterator]) return { stream: globalThis.ReadableStream.from(body), type: undefined };
  return { bytes: host.encode(String(body)), type: 'text/plain;charset=UTF-8' };
}

/** Reads a stream to its end. */
async function collected(stream) {
  const parts = [];
  for await (const part of stream) parts.push(typeof part === 'string' ? host.encode(part) : view(part));
  return join(parts);
}

/** The largest depth of JSON. Deeper JSON would use up the stack when it is read or written. */
const DEPTH = 1000;

const parse = JSON.parse;
const stringify = JSON.stringify;

function tooDeep() {
  return Object.assign(new Error(`the JSON is nested more than ${DEPTH} deep`), { code: 'json-too-deep' });
}

/** Throws an error for a value that is nested too deep, before the engine would use up its stack. */
function measure(value) {
  let level = [value];
  for (let depth = 0; level.length; depth += 1) {
    if (depth > DEPTH) throw tooDeep();
    const next = [];
    for (const part of level) {
      if (typeof part !== 'object' || part === null || ArrayBuffer.isView(part)) continue;
      for (const inner of Array.isArray(part) ? part : Object.values(part)) {
        if (typeof inner === 'object' && inner !== null) next.push(inner);
      }
    }
    // The engine finds a value that contains itself, and reports it.
    if (next.length > 1e6) return;
    level = next;
  }
}

JSON.parse = { parse(text, reviver) { return parseJson(text, reviver); } }.parse;
JSON.stringify = { stringify(value, ...rest) {
  if (typeof value === 'object' && value !== null) {
    try {
      measure(value);
    } catch (error) {
      if (isCircular(value)) return stringify(value, ...rest);
      throw error;
    }
  }
  return stringify(value, ...rest);
} }.stringify;

/** Returns true if a value contains itself. That is the better error message. */
function isCircular(value) {
  const seen = new Set();
  for (let part = value; typeof part === 'object' && part !== null; ) {
    if (seen.has(part)) return true;
    seen.add(part);
    part = Object.values(part).find((inner) => typeof inner === 'object' && inner !== null);
  }
  return false;
}

export function parseJson(given, reviver) {
  const text = String(given);
  if (host.isNested(text, DEPTH)) throw tooDeep();
  return parse(text, reviver);
}

/** The bytes of an empty body. All share one array, and no program gets it. */
export const NOTHING = new Uint8Array(0);

/** Returns the state of a request or a response. */
let stateOf;

/** What requests and responses have in common. */
class Body {
  /**
   * One object with all that is known. Each private field would add a property to each request, which costs time.
   * - `bytes` is the body. It is `null` if there is none, `undefined` if the body is a stream, and an `ArrayBuffer` as long as
   *   nothing has looked at the bytes that the host gave.
   * - `stream` is the body as a stream, if it is one or if the program asked for one.
   * - `used` is true once the body was read.
   */
  #state;
  static { stateOf = (body) => body.#state; }
  constructor(state) { this.#state = state; }
  get bodyUsed() { return this.#state.used ?? false; }
  get body() {
    const state = this.#state;
    if (state.bytes === null) return null;
    state.stream ??= new globalThis.ReadableStream({
      pull: (controller) => {
        state.used = true;
        const bytes = wholeBytes(state);
        if (bytes.length) controller.enqueue(bytes.slice());
        controller.close();
      },
    });
    return state.stream;
  }
  async arrayBuffer() { return (await take(this.#state)).slice().buffer; }
  async bytes() { return (await take(this.#state)).slice(); }
  async text() { return textOf(await take(this.#state)); }
  async json() { return parseJson(await this.text()); }
  async blob() { return new Blob([await take(this.#state)], { type: this.headers.get('content-type') ?? '' }); }
  async formData() { return formOf(await take(this.#state), this.headers.get('content-type') ?? ''); }
}

/** Returns the bytes of a body, or `undefined` if the body is a stream. */
function wholeBytes(state) {
  if (state.bytes === null) return NOTHING;
  if (state.bytes instanceof ArrayBuffer) state.bytes = new Uint8Array(state.bytes);
  return state.bytes;
}

/** Returns the bytes of a body that is read for the first time. */
async function take(state) {
  if (state.used) throw new TypeError('the body was read before; use clone() to read it twice');
  state.used = true;
  return wholeBytes(state) ?? collected(state.stream);
}

/** Returns the body of a copy: `null`, bytes or a stream. A stream is divided. */
function copied(state) {
  if (state.used) throw new TypeError('the body was read before, and cannot be copied');
  if (state.bytes !== undefined) return state.bytes && wholeBytes(state);
  const [stream, other] = state.stream.tee();
  state.stream = stream;
  return other;
}

export const isStream = (body) => stateOf(body).bytes === undefined;

/** Reads a body that is a stream. */
export async function readBody(body) {
  if (isStream(body)) stateOf(body).bytes = await collected(stateOf(body).stream);
}

export function bytesOf(body) {
  const bytes = wholeBytes(stateOf(body));
  if (!bytes) throw new TypeError('the body is a stream; read it first, and give its text or bytes');
  return bytes;
}

/** The default values of a request's properties. */
const REQUEST = { redirect: 'follow', cache: 'default', credentials: 'same-origin', mode: 'cors', integrity: '', keepalive: false, referrer: 'about:client' };

/** Marks the constructor call for a request that was received. */
const RECEIVED = Symbol('received');

/** The state also has the method, the URL, the headers and the signal. For a request that was received, it has a text from which these are made when the program reads them. */
export class Request extends Body {
  constructor(input, init = {}) {
    if (input === RECEIVED) {
      super(init);
      return;
    }
    const from = input instanceof Request ? input : undefined;
    const method = String(init.method ?? from?.method ?? 'GET');
    const upper = method.toUpperCase();
    if ((upper === 'GET' || upper === 'HEAD') && init.body !== undefined && init.body !== null) {
      throw new TypeError(`a request by ${upper} has no body`);
    }
    const { bytes, stream, type } = bodyOf(init.body === undefined && from ? copied(stateOf(from)) : init.body);
    const headers = new Headers(init.headers ?? from?.headers);
    if (type && !headers.has('content-type')) headers.set('content-type', type);
    super({
      bytes, stream, headers,
      method: METHODS.includes(upper) ? upper : method,
      url: from ? from.url : new globalThis.URL(String(input)).href,
      signal: init.signal ?? from?.signal,
    });
    for (const name in REQUEST) {
      const given = init[name] ?? from?.[name] ?? REQUEST[name];
      if (given !== REQUEST[name]) this[name] = given;
    }
  }
  get method() {
    const state = stateOf(this);
    return (state.method ??= line(state, 0));
  }
  get url() {
    const state = stateOf(this);
    return (state.url ??= new globalThis.URL(line(state, 1)).href);
  }
  get headers() {
    const state = stateOf(this);
    return (state.headers ??= new Headers(receivedFields(state.text, 2)));
  }
  get signal() {
    const state = stateOf(this);
    return (state.signal ??= new globalThis.AbortController().signal);
  }
  clone() { return new Request(this); }
}

Object.assign(Request.prototype, REQUEST);

/** The methods that are written in capital letters, however the program writes them. */
const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** Returns a line before the headers of a request that was received: the method or the URL. */
const line = (state, place) => state.text.split('\n', 2)[place];

/**
 * Returns a request that was received. Its text has a line each for the method and the URL, and then the headers. The body is
 * an `ArrayBuffer`, `undefined` if it is empty, or `null` for a method that has none.
 */
export const received = (text, body) => new Request(RECEIVED, { bytes: body === undefined ? NOTHING : body, text });

/** The state also has the headers, once the program reads them. */
export class Response extends Body {
  constructor(body = null, { status = 200, statusText = '', headers, url = '', redirected = false } = {}) {
    const { bytes, stream, type } = bodyOf(body);
    const fields = headers === undefined || headers === null ? undefined : new Headers(headers);
    super({ bytes, stream, headers: fields });
    if (type && !this.headers.has('content-type')) this.headers.set('content-type', type);
    if (status !== 200) this.status = status;
    if (statusText !== '') this.statusText = statusText;
    if (url !== '') this.url = url;
    if (redirected) this.redirected = redirected;
  }
  get headers() {
    const state = stateOf(this);
    return (state.headers ??= new Headers());
  }
  get ok() { return this.status >= 200 && this.status < 300; }
  clone() { return new Response(copied(stateOf(this)), this); }
  static json(value, init = {}) {
    const headers = new Headers(init.headers);
    if (!headers.has('content-type')) headers.set('content-type', 'application/json');
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`Response.json was given a value of type ${typeof value}, for which JSON has nothing`);
    return new Response(text, { ...init, headers });
  }
  static error() { return Object.assign(new Response(), { type: 'error', status: 0 }); }
  static redirect(url, status = 302) { return new Response(null, { status, headers: { location: String(url) } }); }
}

Object.assign(Response.prototype, { status: 200, statusText: '', url: '', redirected: false, type: 'basic' });

/** Returns the headers of a response as pairs. */
export const fieldsOf = (response) => [...stateOf(response).headers ?? []];

/** The longest time of one attempt, in milliseconds. It is long because language models answer slowly. */
const ATTEMPT = 30 * 60_000;

/** The largest number of redirects that `fetch` follows. */
const REDIRECTS = 20;

/** Headers that follow from the connection and the body, and that a caller cannot set. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** Returns the headers of a request that are sent. */
export const sentHeaders = (headers) => [...headers].filter(([name]) => !OWN_HEADERS.has(name));

/** Makes a call with one attempt. If a stop of the host cut it off, the call is made again with the same idempotency key. */
export async function callOnce(step, given, plain, signal) {
  const { request, options } = withSecrets(given, plain);
  const key = options.idempotencyKey ?? request.headers.find(([name]) => name.toLowerCase() === 'idempotency-key')?.[1];
  const idempotencyKey = key ?? globalThis.crypto.randomUUID();
  for (;;) {
    const outcome = await perform(host.call(step, request, { ...options, attempts: 1, idempotencyKey }), signal);
    if (outcome.error?.kind === 'interrupted') continue;
    if (outcome.error?.kind === 'denied') host.log('error', `${request.method} ${request.url}: ${outcome.error.message}`);
    return outcome;
  }
}

async function fetch(input, init = {}) {
  const request = new Request(input, init);
  if (request.url.startsWith('data:')) return dataResponse(request.url);
  host.mayCall();
  request.signal.throwIfAborted();
  await readBody(request);
  const url = new globalThis.URL(request.url);
  const step = stepName(`${request.method} ${url.host}`);
  const sent = { method: request.method, url: request.url, headers: sentHeaders(request.headers), body: bytesOf(request) };
  const redirects = request.redirect === 'follow' ? REDIRECTS : 0;
  const outcome = await callOnce(step, sent, { timeout: ATTEMPT, redirects }, request.signal);
  if (outcome.error) {
    const cause = Object.assign(new Error(outcome.error.message), { code: outcome.error.kind });
    throw Object.assign(new TypeError('fetch failed', { cause }), { code: 'fetch-failed' });
  }
  const { status, headers, body } = outcome.ok;
  if (request.redirect === 'error' && status >= 300 && status < 400) throw Object.assign(new TypeError('fetch failed: it was redirected'), { code: 'fetch-failed' });
  return new Response(body, { status, statusText: STATUS_TEXTS[status] ?? '', headers: receivedFields(headers), url: request.url });
}

/** What the usual statuses are called. */
const STATUS_TEXTS = {
  200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 206: 'Partial Content', 301: 'Moved Permanently', 302: 'Found', 303: 'See Other',
  304: 'Not Modified', 307: 'Temporary Redirect', 308: 'Permanent Redirect', 400: 'Bad Request', 401: 'Unauthorized', 402: 'Payment Required', 403: 'Forbidden',
  404: 'Not Found', 405: 'Method Not Allowed', 406: 'Not Acceptable', 408: 'Request Timeout', 409: 'Conflict', 410: 'Gone', 412: 'Precondition Failed',
  413: 'Payload Too Large', 415: 'Unsupported Media Type', 422: 'Unprocessable Entity', 425: 'Too Early', 428: 'Precondition Required', 429: 'Too Many Requests',
  500: 'Internal Server Error', 501: 'Not Implemented', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
};

function dataResponse(url) {
  const [, type, base64, data] = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url) ?? [];
  if (data === undefined) throw new TypeError('fetch failed: the data URL is not valid');
  const text = decodeURIComponent(data);
  const body = base64 ? Uint8Array.from(globalThis.atob(text), (letter) => letter.charCodeAt(0)) : host.encode(text);
  return new Response(body, { headers: { 'content-type': type || 'text/plain;charset=US-ASCII' }, url });
}

for (const kind of [Blob, File, FormData, Headers, Request, Response]) Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });

export const globals = { Blob, File, FormData, Headers, Request, Response, fetch };
export { latin };
