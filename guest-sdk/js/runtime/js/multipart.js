// Encodes and decodes forms as `multipart/form-data` (RFC 7578).

import { join, random, toBase64 } from 'dormouse:bytes';

const host = globalThis.__dormouse;

const quoted = (text) => text.replace(/\r?\n|\r/g, '%0D%0A').replace(/"/g, '%22');
const unquoted = (text) => text.replace(/%0D%0A/gi, '\r\n').replace(/%22/g, '"');

/** Encodes a form. Returns its bytes and its media type. A part is `{name, bytes}`; a part with a file also has `{file, type}`. */
export function encodeForm(parts) {
  const boundary = `----dormouse${toBase64(random(18)).replace(/[+/=]/g, 'x')}`;
  const pieces = [];
  for (const { name, file, type, bytes } of parts) {
    const about = file === undefined ? '' : `; filename="${quoted(file)}"\r\nContent-Type: ${type || 'application/octet-stream'}`;
    pieces.push(host.encode(`--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"${about}\r\n\r\n`), bytes, host.encode('\r\n'));
  }
  pieces.push(host.encode(`--${boundary}--\r\n`));
  return { bytes: join(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

const formError = (why) => new TypeError(`the body is not multipart/form-data: ${why}`);

/** Returns the index at which bytes occur in other bytes, from an index on; -1 if they do not occur. */
function find(bytes, part, from) {
  const last = bytes.length - part.length;
  for (let at = bytes.indexOf(part[0], from); at >= 0 && at <= last; at = bytes.indexOf(part[0], at + 1)) {
    let same = 1;
    while (same < part.length && bytes[at + same] === part[same]) same += 1;
    if (same === part.length) return at;
  }
  return -1;
}

const LINE = host.encode('\r\n');
const BLANK = host.encode('\r\n\r\n');

/** Returns a parameter of a header. Its value is a quoted text or a word. */
function parameter(header, name) {
  const found = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, 'i').exec(header);
  return found ? found[1] ?? found[2] : undefined;
}

/** Makes the part with these headers. The caller sets its bytes. */
function parseHead(text) {
  const fields = new Map();
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
  }
  const disposition = fields.get('content-disposition') ?? '';
  const name = parameter(disposition, 'name');
  if (!/^form-data\b/i.test(disposition) || name === undefined) throw formError('a part has no header Content-Disposition with a name');
  const file = parameter(disposition, 'filename');
  if (file === undefined) return { name: unquoted(name) };
  return { name: unquoted(name), file: unquoted(file), type: fields.get('content-type') ?? 'text/plain' };
}

/** Decodes a form from its bytes and the media type of the body. Returns its parts. */
export function decodeForm(bytes, type) {
  const boundary = parameter(type, 'boundary');
  if (!boundary) throw formError('its content type has no boundary');
  const border = host.encode(`\r\n--${boundary}`);
  const parts = [];
  // The first boundary may be at the very beginning, without a line break before it.
  const whole = join([LINE, bytes]);
  let at = find(whole, border, 0);
  if (at < 0) throw formError('its boundary does not occur in it');
  for (;;) {
    at += border.length;
    if (whole[at] === 0x2d && whole[at + 1] === 0x2d) return parts;
    const begin = find(whole, LINE, at);
    const end = begin < 0 ? -1 : find(whole, border, begin);
    if (end < 0) throw formError('it ends before its last boundary');
    const head = find(whole, BLANK, begin);
    if (head < 0 || head + BLANK.length > end + LINE.length) throw formError('a part has no end of its headers');
    const part = parseHead(host.decode(whole.subarray(begin + LINE.length, head), false));
    parts.push({ ...part, bytes: whole.slice(Math.min(head + BLANK.length, end), end) });
    at = end;
  }
}
