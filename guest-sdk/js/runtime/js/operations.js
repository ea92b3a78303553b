// Operations: each has a number here, and a promise that is settled when the host says what came of it.

const host = globalThis.__dormouse;

const waiting = new Map();

/** A promise of an operation's outcome. An aborted signal gives the operation up. */
export function perform(number, signal) {
  return new Promise((resolve, reject) => {
    if (!signal) {
      waiting.set(number, { resolve, reject });
      return;
    }
    const stop = () => {
      waiting.delete(number);
      host.giveUp(number);
      reject(signal.reason);
    };
    const settled = (settle) => (value) => {
      signal.removeEventListener('abort', stop);
      settle(value);
    };
    waiting.set(number, { resolve: settled(resolve), reject: settled(reject) });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
}

/** Gives an operation up. Its promise stays as it is. */
export function giveUp(number) {
  if (waiting.delete(number)) host.giveUp(number);
}

export function resolve(number, value) {
  const operation = waiting.get(number);
  waiting.delete(number);
  operation?.resolve(value);
}

export function reject(number, reason) {
  const operation = waiting.get(number);
  waiting.delete(number);
  operation?.reject(reason);
}

/** A step's name, as the host takes it: at most 256 bytes. */
export function stepName(name) {
  let text = String(name);
  if (text === '') throw new Error('a step was given an empty name; give it one that people recognise');
  while (host.encode(text).length > 256) text = text.slice(0, Math.min(256, text.length - 1));
  return text;
}

const UNITS = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5, y: 31536e6 };

/** A span of time in milliseconds: a number of seconds, or a text such as `10s` or `1.5 h`. */
export function span(value) {
  if (typeof value === 'number' && value >= 0) return value * 1e3;
  const parts = typeof value === 'string' && /^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w|y)?\s*$/.exec(value);
  if (!parts) throw new Error(`${JSON.stringify(value)} is no span of time; give seconds as a number, or a text such as "10s", "5m", "2h", "7d"`);
  return Number(parts[1]) * UNITS[parts[2] ?? 's'];
}
