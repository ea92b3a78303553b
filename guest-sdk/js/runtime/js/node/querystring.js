// Node's `querystring`.

export const escape = (text) => encodeURIComponent(text);

export function unescape(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const written = (value) => (['string', 'bigint', 'boolean'].includes(typeof value) || Number.isFinite(value) ? String(value) : '');

export function stringify(values, separator = '&', equals = '=', { encodeURIComponent: encode = escape } = {}) {
  const pairs = Object.entries(values ?? {}).flatMap(([name, value]) => (Array.isArray(value) ? value : [value]).map((one) => encode(name) + equals + encode(written(one))));
  return pairs.join(separator);
}

export function parse(text, separator = '&', equals = '=', { maxKeys = 1000, decodeURIComponent: decode = unescape } = {}) {
  const values = Object.create(null);
  const pairs = String(text ?? '').split(separator).filter(Boolean);
  for (const pair of maxKeys > 0 ? pairs.slice(0, maxKeys) : pairs) {
    const place = pair.indexOf(equals);
    const plain = (part) => decode(part.replace(/\+/g, ' '));
    const name = plain(place < 0 ? pair : pair.slice(0, place));
    const value = place < 0 ? '' : plain(pair.slice(place + equals.length));
    if (name in values) values[name] = [values[name], value].flat();
    else values[name] = value;
  }
  return values;
}

export const encode = stringify;
export const decode = parse;
export default { escape, unescape, stringify, parse, encode, decode };
