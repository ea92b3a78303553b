// The web's `URL` and `URLSearchParams`.

const host = globalThis.__dormouse;

let rewrite;

class URL {
  #parts; #query;
  constructor(url, base) {
    const parts = host.parseUrl(String(url), base === undefined ? null : String(base));
    if (!parts) throw Object.assign(new TypeError(`Invalid URL: ${url}`), { code: 'ERR_INVALID_URL', input: String(url) });
    this.#parts = parts;
  }
  static {
    rewrite = (url, search) => { url.#change('search', search, true); };
    for (const part of ['href', 'protocol', 'username', 'password', 'host', 'hostname', 'port', 'pathname', 'search', 'hash']) {
      Object.defineProperty(URL.prototype, part, {
        get() { return this.#parts[part]; },
        set(value) { this.#change(part, value); },
        enumerable: true,
        configurable: true,
      });
    }
  }
  #change(part, value, isOwn = false) {
    const parts = host.changeUrl(this.#parts.href, part, String(value));
    if (parts) this.#parts = parts;
    else if (part === 'href') throw new TypeError(`Invalid URL: ${value}`);
    if (!isOwn && this.#query) this.#query = undefined;
  }
  get origin() { return this.#parts.origin; }
  get searchParams() {
    this.#query ??= new URLSearchParams(this.#parts.search, this);
    return this.#query;
  }
  toString() { return this.#parts.href; }
  toJSON() { return this.#parts.href; }
  static canParse(url, base) { return Boolean(host.parseUrl(String(url), base === undefined ? null : String(base))); }
  static parse(url, base) { return URL.canParse(url, base) ? new URL(url, base) : null; }
}

const decode = (text) => {
  const bytes = [];
  const raw = host.encode(text.replace(/\+/g, ' '));
  for (let place = 0; place < raw.length; place += 1) {
    const hex = raw[place] === 0x25 ? String.fromCharCode(raw[place + 1] ?? 0, raw[place + 2] ?? 0) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(parseInt(hex, 16));
      place += 2;
    } else bytes.push(raw[place]);
  }
  return host.decode(new Uint8Array(bytes), false);
};

const encode = (text) => {
  let encoded = '';
  for (const byte of host.encode(text)) {
    const letter = String.fromCharCode(byte);
    if (/[A-Za-z0-9*\-._]/.test(letter)) encoded += letter;
    else encoded += byte === 0x20 ? '+' : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
};

class URLSearchParams {
  #pairs; #url;
  constructor(init = '', url) {
    this.#url = url instanceof URL ? url : undefined;
    if (typeof init === 'object' && init !== null) {
      const pairs = typeof init[Symbol.iterator] === 'function' ? [...init] : Object.entries(init);
      this.#pairs = pairs.map(([name, value]) => [String(name), String(value)]);
      return;
    }
    const text = String(init).replace(/^\?/, '');
    this.#pairs = text.split('&').filter(Boolean).map((pair) => {
      const place = pair.indexOf('=');
      return place < 0 ? [decode(pair), ''] : [decode(pair.slice(0, place)), decode(pair.slice(place + 1))];
    });
  }
  #changed() { if (this.#url) rewrite(this.#url, this.toString()); }
  get size() { return this.#pairs.length; }
  append(name, value) { this.#pairs.push([String(name), String(value)]); this.#changed(); }
  delete(name, value) {
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== String(name) || (value !== undefined && pair[1] !== String(value)));
    this.#changed();
  }
  get(name) { return this.#pairs.find((pair) => pair[0] === String(name))?.[1] ?? null; }
  getAll(name) { return this.#pairs.filter((pair) => pair[0] === String(name)).map((pair) => pair[1]); }
  has(name, value) { return this.#pairs.some((pair) => pair[0] === String(name) && (value === undefined || pair[1] === String(value))); }
  set(name, value) {
    const place = this.#pairs.findIndex((pair) => pair[0] === String(name));
    if (place < 0) this.#pairs.push([String(name), String(value)]);
    else {
      this.#pairs[place][1] = String(value);
      this.#pairs = this.#pairs.filter((pair, at) => at <= place || pair[0] !== String(name));
    }
    this.#changed();
  }
  sort() { this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0)); this.#changed(); }
  forEach(run, self) { for (const [name, value] of this.#pairs) run.call(self, value, name, this); }
  keys() { return this.#pairs.map((pair) => pair[0]).values(); }
  values() { return this.#pairs.map((pair) => pair[1]).values(); }
  entries() { return this.#pairs.map((pair) => [...pair]).values(); }
  [Symbol.iterator]() { return this.entries(); }
  toString() { return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&'); }
}

export const globals = { URL, URLSearchParams };
