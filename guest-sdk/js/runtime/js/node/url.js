// Node's `url`, with a part of its legacy API.

import { parse as readQuery, stringify } from 'node:querystring';

export const { URL, URLSearchParams } = globalThis;

export const fileURLToPath = (url) => decodeURIComponent(new URL(url).pathname);
export const pathToFileURL = (path) => new URL(`file://${encodeURI(path)}`);
export const domainToASCII = (domain) => URL.parse(`http://${domain}`)?.hostname ?? '';
export const domainToUnicode = domainToASCII;

export function urlToHttpOptions(url) {
  const options = { protocol: url.protocol, hostname: url.hostname, hash: url.hash, search: url.search, pathname: url.pathname, path: url.pathname + url.search, href: url.href };
  if (url.port) options.port = Number(url.port);
  if (url.username || url.password) options.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return options;
}

export function parse(text, asQuery = false) {
  const parts = { protocol: null, slashes: null, auth: null, host: null, port: null, hostname: null, hash: null, search: null, query: asQuery ? {} : null, pathname: null, path: null, href: text };
  const match = /^([a-z][a-z0-9+.-]*:)?(\/\/(?:([^/?#]*)@)?(([^/?#:]*)(?::(\d*))?))?([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(String(text).trim()) ?? [];
  const [, protocol, authority, auth, host, hostname, port, pathname, search, hash] = match;
  if (protocol) parts.protocol = protocol.toLowerCase();
  if (authority !== undefined) Object.assign(parts, { slashes: true, auth: auth === undefined ? null : decodeURIComponent(auth), host: host.toLowerCase(), hostname: hostname.toLowerCase(), port: port || null });
  parts.pathname = pathname || (authority === undefined ? null : '/');
  if (search) Object.assign(parts, { search, query: asQuery ? readQuery(search.slice(1)) : search.slice(1) });
  if (hash) parts.hash = hash;
  if (parts.pathname || parts.search) parts.path = (parts.pathname ?? '') + (parts.search ?? '');
  parts.format = () => format(parts);
  parts.href = format(parts);
  return parts;
}

export function format(url) {
  if (typeof url === 'string') return parse(url).href;
  if (url instanceof URL) return url.href;
  const protocol = url.protocol ? `${url.protocol.replace(/:$/, '')}:` : '';
  const host = url.host ?? (url.hostname ? url.hostname + (url.port ? `:${url.port}` : '') : '');
  const auth = url.auth ? `${encodeURIComponent(url.auth).replace(/%3A/i, ':')}@` : '';
  const slashes = url.slashes || (host && /^(https?|ftp|wss?):$/.test(protocol)) ? '//' : '';
  const query = url.query && typeof url.query === 'object' ? stringify(url.query) : '';
  const search = url.search ?? (query ? `?${query}` : '');
  return `${protocol}${slashes}${auth}${host}${url.pathname ?? ''}${search && !search.startsWith('?') ? `?${search}` : search}${url.hash ?? ''}`;
}

export function resolve(from, to) {
  const base = new URL(from, 'resolve://host');
  const found = new URL(to, base);
  return found.protocol === 'resolve:' ? found.pathname + found.search + found.hash : found.href;
}

export default { URL, URLSearchParams, fileURLToPath, pathToFileURL, domainToASCII, domainToUnicode, urlToHttpOptions, parse, format, resolve };
