// Secrets: the program has a placeholder. The host replaces it with the secret in headers of calls, and nowhere else.

import { hooks, host, latin } from 'dormouse:bytes';

/** True if the program has a secret. Programs without one skip all checks. */
let any = false;

/** The texts in base64 that contain a secret, each with the parts that are encoded. */
const encoded = [];

// The placeholder has only letters that no encoding of a URL, a form or JSON changes. The length says where the name ends.
const PLACEHOLDER = /dormouse-secret-(\d{1,2})-|dormouse-base64-(\d{1,6})-/;

/** Returns the placeholder of a secret, which the program reads in its place. */
export function placeholder(name) {
  any = true;
  return `dormouse-secret-${name.length}-${name}`;
}

/** Splits a text into parts `{text}`, `{secret}` and `{base64}`. Returns undefined if it contains no secret. */
function parts(text) {
  const found = [];
  let rest = text;
  for (;;) {
    const match = PLACEHOLDER.exec(rest);
    if (!match) break;
    if (match.index) found.push({ text: rest.slice(0, match.index) });
    rest = rest.slice(match.index + match[0].length);
    if (match[2] !== undefined) found.push({ base64: encoded[Number(match[2])] ?? [] });
    else {
      found.push({ secret: rest.slice(0, Number(match[1])) });
      rest = rest.slice(Number(match[1]));
    }
  }
  if (!found.length) return undefined;
  if (rest) found.push({ text: rest });
  return found;
}

/** Returns the name of a secret whose placeholder is in a text. */
export function secretIn(text) {
  if (!any) return undefined;
  const part = parts(text)?.find((one) => one.secret ?? one.base64);
  return part && (part.secret ?? part.base64.find((one) => one.secret)?.secret ?? 'secret');
}

/** Returns a placeholder for the base64 of a text, if the text contains a secret. */
export function inBase64(text) {
  const found = any && parts(text);
  if (!found) return undefined;
  if (found.some((part) => part.base64)) throw refused(secretIn(text), 'is encoded twice, which the host cannot do');
  encoded.push(found);
  return `dormouse-base64-${encoded.length - 1}-`;
}

/** Makes an error and also logs it, because client libraries catch errors and try again. */
export function refused(name, why) {
  const message = `the secret ${name} ${why}; a secret is put in by the host, in a header of a call: what a program computes with is a variable (deploy --env)`;
  host.log('error', message);
  return Object.assign(new Error(message), { name: 'SecretError', code: 'secret-refused' });
}

/** Throws an error if a program computes with a placeholder. */
export function compute(bytes) {
  const name = any && secretIn(latin(bytes));
  if (name) throw refused(name, 'was given to a computation');
}

function group(part) {
  return part.base64 ? { encoding: 'base64', parts: part.base64 } : { parts: [part] };
}

/** Separates the headers with secrets from a request, and adds them to the options of the call. */
export function withSecrets(request, options) {
  if (!any) return { request, options };
  const where = [['its address', request.url], ['its body', latin(request.body)]];
  for (const [what, text] of where) {
    const name = secretIn(text);
    if (name) throw refused(name, `stands in ${what} (${request.method} ${new globalThis.URL(request.url).host})`);
  }
  const secretHeaders = [];
  const headers = [];
  for (const [name, value] of request.headers) {
    const found = parts(value);
    if (found) secretHeaders.push({ name, value: found.map(group) });
    else headers.push([name, value]);
  }
  if (!secretHeaders.length) return { request, options };
  if (headers.some(([name]) => name === 'range')) throw refused(secretIn(request.headers.map(([, value]) => value).join(' ')), 'is sent with a header `range`: the host removes secrets from responses, and reads those whole');
  const plain = headers.filter(([name]) => name !== 'accept-encoding');
  return { request: { ...request, headers: plain }, options: { ...options, secretHeaders } };
}

hooks.inBase64 = inBase64;
