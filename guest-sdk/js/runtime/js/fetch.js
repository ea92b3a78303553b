// The web's requests and responses, and a `fetch` that is durable: a call of the run, whose response is kept.

import { join, latin, textOf, view } from 'dormouse:bytes';
import { perform, stepName } from 'dormouse:operations';
import { read, written } from 'dormouse:multipart';
import { withSecrets } from 'dormouse:secrets';

const host = globalThis.__dormouse;

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The headers that were received, from a text with a line for each name and each value. Other lines may stand before them. */
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
    if (!TOKEN.test(key)) throw new TypeError(`${JSON.stringify(name)} is no name of a header`);
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
  #sorted() {
    const names = [...new Set(this.#fields.map((field) => field[0]))].sort();
    return names.flatMap((name) => (name === 'set-cookie' ? this.getSetCookie().map((value) => [name, value]) : [[name, this.get(name)]]));
  }
  forEach(run, self) { for (const [name, value] of this.#sorted()) run.call(self, value, name, this); }
  keys() { return this.#sorted().map((field) => field[0]).values(); }
  values() { return this.#sorted().map((field) => field[1]).values(); }
  entries() { return this.#sorted().values(); }
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

/** A form as a body has it. */
function multipart(form) {
  const parts = [...form].map(([name, value]) => (value instanceof Blob ? { name, file: value.name, type: value.type, bytes: Blob.bytesOf(value) } : { name, bytes: host.encode(value) }));
  return written(parts);
}

/** The form that a body is, by its media type. */
function formOf(bytes, type) {
  const form = new FormData();
  const kind = type.split(';')[0].trim().toLowerCase();
  if (kind === 'multipart/form-data') {
    for (const { name, file, type: fileType, bytes: value } of read(bytes, type)) {
      form.append(name, file === undefined ? textOf(value) : new File([value], file, { type: fileType }));
    }
  } else if (kind === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new globalThis.URLSearchParams(textOf(bytes))) form.append(name, value);
  } else {
    throw new TypeError(`formData reads multipart/form-data and application/x-www-form-urlencoded, and the content type is ${kind ? JSON.stringify(kind) : 'not given'}`);
  }
  return form;
}

/** The bytes of what can be a body, and the media type that it brings. */
export function bodyOf(body) {
  if (body === undefined || body === null) return { bytes: new Uint8Array(0), type: undefined };
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

/** All that a stream gives. */
async function collected(stream) {
  const parts = [];
  for await (const part of stream) parts.push(typeof part === 'string' ? host.encode(part) : view(part));
  return join(parts);
}

/** JSON that is nested deeper cannot be read or written: it would use up the stack. */
const DEPTH = 1000;

const parse = JSON.parse;
const stringify = JSON.stringify;

function tooDeep() {
  return Object.assign(new Error(`the JSON is nested more than ${DEPTH} deep`), { code: 'json-too-deep' });
}

/** Refuses a value that is nested too deep, before the engine would use up its stack on it. */
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
    // What refers to itself is found by the engine, which says so.
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

/** Whether a value contains itself, which is the better thing to be told. */
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

class Body {
  #bytes; #used = false; #stream; #isNull;
  /** A body of bytes, or of a stream, which is read when it is asked for. */
  constructor({ bytes, stream }, isNull) {
    this.#bytes = bytes;
    this.#stream = stream;
    this.#isNull = isNull;
  }
  static bytesOf(body) {
    if (!body.#bytes) throw new TypeError('the body is a stream; read it first, and give its text or bytes');
    return body.#bytes;
  }
  /** Reads a body that is a stream. */
  static async read(body) { if (!body.#bytes) body.#bytes = await collected(body.#stream); }
  /** What a copy of a body has. A stream is divided. */
  static copied(body) {
    if (body.#used) throw new TypeError('the body was read before, and cannot be copied');
    if (body.#bytes) return { bytes: body.#bytes };
    const [stream, other] = body.#stream.tee();
    body.#stream = stream;
    return { stream: other };
  }
  get bodyUsed() { return this.#used; }
  get body() {
    if (this.#isNull) return null;
    this.#stream ??= new globalThis.ReadableStream({
      pull: (controller) => {
        this.#used = true;
        if (this.#bytes.length) controller.enqueue(this.#bytes.slice());
        controller.close();
      },
    });
    return this.#stream;
  }
  async #take() {
    if (this.#used) throw new TypeError('the body was read before; use clone() to read it twice');
    this.#used = true;
    return this.#bytes ?? collected(this.#stream);
  }
  async arrayBuffer() { return (await this.#take()).slice().buffer; }
  async bytes() { return (await this.#take()).slice(); }
  async text() { return textOf(await this.#take()); }
  async json() { return parseJson(await this.text()); }
  async blob() { return new Blob([await this.#take()], { type: this.headers.get('content-type') ?? '' }); }
  async formData() { return formOf(await this.#take(), this.headers.get('content-type') ?? ''); }
}

/** What a request has where nothing else was given. */
const REQUEST = { redirect: 'follow', cache: 'default', credentials: 'same-origin', mode: 'cors', integrity: '', keepalive: false, referrer: 'about:client' };

const NOTHING = new Uint8Array(0);

/** Marks a request that was received. */
const RECEIVED = Symbol('received');

export class Request extends Body {
  #received; #method; #url; #headers; #signal;
  constructor(input, init = {}) {
    if (input === RECEIVED) {
      super({ bytes: init.body ?? NOTHING }, init.body === undefined);
      this.#received = init.text;
      return;
    }
    const from = input instanceof Request ? input : undefined;
    const method = String(init.method ?? from?.method ?? 'GET');
    const upper = method.toUpperCase();
    const given = init.body === undefined && from ? Body.copied(from) : bodyOf(init.body);
    if ((upper === 'GET' || upper === 'HEAD') && init.body !== undefined && init.body !== null) {
      throw new TypeError(`a request by ${upper} has no body`);
    }
    super(given, from && init.body === undefined ? from.body === null : init.body === undefined || init.body === null);
    this.#method = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'].includes(upper) ? upper : method;
    this.#url = from ? from.url : new globalThis.URL(String(input)).href;
    this.#headers = new Headers(init.headers ?? from?.headers);
    if (given.type && !this.#headers.has('content-type')) this.#headers.set('content-type', given.type);
    this.#signal = init.signal ?? from?.signal;
    for (const name in REQUEST) {
      const given = init[name] ?? from?.[name] ?? REQUEST[name];
      if (given !== REQUEST[name]) this[name] = given;
    }
  }
  /** A line before the headers: the delivery's id, the method, or the URL. */
  #line(place) { return this.#received.split('\n', 3)[place]; }
  get method() { return (this.#method ??= this.#line(1)); }
  get url() { return (this.#url ??= new globalThis.URL(this.#line(2)).href); }
  get headers() { return (this.#headers ??= new Headers(receivedFields(this.#received, 3))); }
  get signal() { return (this.#signal ??= new globalThis.AbortController().signal); }
  clone() { return new Request(this); }
}

Object.assign(Request.prototype, REQUEST);

/** A delivery's id and its request, whose parts are made when the program asks for them. */
export function received(delivery) {
  const id = delivery.text.slice(0, delivery.text.indexOf('\n'));
  return { id, request: new Request(RECEIVED, delivery) };
}

export class Response extends Body {
  constructor(body = null, { status = 200, statusText = '', headers, url = '', redirected = false } = {}) {
    const given = bodyOf(body);
    super(given, body === null || body === undefined);
    this.status = status;
    this.statusText = statusText;
    this.headers = new Headers(headers);
    if (given.type && !this.headers.has('content-type')) this.headers.set('content-type', given.type);
    Object.assign(this, { url, redirected, type: 'basic' });
  }
  get ok() { return this.status >= 200 && this.status < 300; }
  clone() {
    const { bytes, stream } = Body.copied(this);
    return new Response(this.body === null ? null : bytes ?? stream, this);
  }
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

export const bytesOf = Body.bytesOf;
export const readBody = Body.read;

/** One attempt may take this long: clients of language models wait. */
const ATTEMPT = 30 * 60_000;

/** How many redirects `fetch` follows. */
const REDIRECTS = 20;

/** What is made from the connection and the body, and not by the caller. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

/** The headers of a request that are sent. */
export const sentHeaders = (headers) => [...headers].filter(([name]) => !OWN_HEADERS.has(name));

/** Makes a call with one attempt. One that a stop of the host cut off is made again, under the same key. */
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
  await Body.read(request);
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
  if (data === undefined) throw new TypeError('fetch failed: the data URL is none');
  const text = decodeURIComponent(data);
  const body = base64 ? Uint8Array.from(globalThis.atob(text), (letter) => letter.charCodeAt(0)) : host.encode(text);
  return new Response(body, { headers: { 'content-type': type || 'text/plain;charset=US-ASCII' }, url });
}

for (const kind of [Blob, File, FormData, Headers, Request, Response]) Object.defineProperty(kind.prototype, Symbol.toStringTag, { value: kind.name, configurable: true });

export const globals = { Blob, File, FormData, Headers, Request, Response, fetch };
export { latin };
