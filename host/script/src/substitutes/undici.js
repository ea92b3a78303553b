// The package `undici`, by the global `fetch`. The host keeps the connections, so that agents have nothing to do.
const { Readable } = require('stream');

class Dispatcher {
  close() { return Promise.resolve(); }
  destroy() { return Promise.resolve(); }
  compose() { return this; }
}
class Agent extends Dispatcher {}
class Client extends Dispatcher {
  constructor(origin) { super(); this.origin = origin; }
  request({ path = '/', ...init }) { return request(new URL(path, this.origin), init); }
}
class ProxyAgent {
  constructor() { throw new Error('ProxyAgent of undici is not available: the host makes the calls of a workflow and uses no proxy'); }
}
class UndiciError extends Error { name = 'UndiciError'; }

let dispatcher = new Agent();

async function request(url, { method = 'GET', body, headers, query, signal } = {}) {
  const target = new URL(url);
  for (const [name, value] of Object.entries(query ?? {})) target.searchParams.append(name, value);
  const response = await fetch(target, { method, body, headers, signal, redirect: 'manual' });
  const stream = Readable.from(response.body ?? [], { objectMode: false });
  for (const name of ['arrayBuffer', 'blob', 'bytes', 'json', 'text', 'formData']) stream[name] = () => response[name]();
  stream.dump = async () => { await response.arrayBuffer(); };
  const all = {};
  for (const [name, value] of response.headers) all[name] = name in all ? [all[name], value].flat() : value;
  return { statusCode: response.status, headers: all, body: stream, trailers: {}, opaque: null };
}

module.exports = {
  fetch: (...given) => globalThis.fetch(...given), request, Headers, Request, Response, FormData, File, Blob, Dispatcher, Agent, Pool: Client, Client, ProxyAgent,
  EnvHttpProxyAgent: ProxyAgent, setGlobalDispatcher(given) { dispatcher = given; }, getGlobalDispatcher: () => dispatcher, errors: { UndiciError },
};
