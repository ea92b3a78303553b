// The package `node-fetch`, by the global `fetch`. Its responses have a body that is a stream of Node.
const { Buffer } = require('buffer');
const { Readable } = require('stream');

class FetchError extends Error {
  name = 'FetchError';
  constructor(message, type, cause) {
    super(message, { cause });
    Object.assign(this, { type, code: cause?.code, errno: cause?.code });
  }
}
class AbortError extends Error {
  name = 'AbortError';
  type = 'aborted';
}

async function asked(url, { timeout, agent, compress, size, body, ...init } = {}) {
  const signals = [init.signal, timeout ? AbortSignal.timeout(timeout) : undefined].filter(Boolean);
  const signal = signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  // A form of the package `form-data` is a stream that has its own headers.
  const headers = new Headers(init.headers);
  for (const [name, value] of Object.entries(body?.getHeaders?.() ?? {})) if (!headers.has(name)) headers.set(name, value);
  const sent = typeof body?.pipe === 'function' && !body[Symbol.asyncIterator] ? new Readable().wrap(body) : body;
  try {
    return await fetch(url, { ...init, headers: url instanceof Request && !init.headers ? undefined : headers, body: sent, signal });
  } catch (error) {
    if (error?.name === 'TimeoutError') throw new FetchError(`network timeout at: ${url}`, 'request-timeout');
    if (error?.name === 'AbortError') throw new AbortError('The operation was aborted.');
    throw new FetchError(`request to ${url?.url ?? url} failed, reason: ${error?.cause?.message ?? error?.message}`, 'system', error?.cause ?? error);
  }
}

function withNode(response) {
  let kind = Object.getPrototypeOf(response);
  while (!Object.hasOwn(kind, 'body')) kind = Object.getPrototypeOf(kind);
  const web = Object.getOwnPropertyDescriptor(kind, 'body');
  let body;
  Object.defineProperty(response, 'body', { get() { const stream = web.get.call(response); return stream && (body ??= Readable.fromWeb(stream)); } });
  response.buffer = async () => Buffer.from(await response.arrayBuffer());
  response.headers.raw = () => {
    const all = {};
    for (const [name, value] of response.headers) (all[name] ??= []).push(value);
    return all;
  };
  return response;
}

const nodeFetch = async (url, init) => withNode(await asked(url, init));
module.exports = Object.assign(nodeFetch, {
  default: nodeFetch, Headers, Request, Response, FormData, Blob, File, FetchError, AbortError,
  isRedirect: (status) => [301, 302, 303, 307, 308].includes(status),
});
Object.defineProperty(module.exports, '__esModule', { value: true });
