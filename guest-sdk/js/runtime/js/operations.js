// Operations. Each has a promise, which is settled with the operation's outcome, and a number, by which it can be given up.

const host = globalThis.__dormouse;

/** Returns the promise of the operation that was just begun. An aborted signal gives the operation up. */
export function perform(outcome, signal) {
  if (!signal) return outcome;
  const number = host.latest();
  return new Promise((resolve, reject) => {
    const stop = () => {
      host.giveUp(number);
      reject(signal.reason);
    };
    const settled = (settle) => (value) => {
      signal.removeEventListener('abort', stop);
      settle(value);
    };
    outcome.then(settled(resolve), settled(reject));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop);
  });
}

/** Returns a step's name in a form that the host accepts: at most 256 bytes. */
export function stepName(name) {
  let text = String(name);
  if (text === '') throw new Error('a step was given an empty name; give it one that people recognise');
  // Each UTF-16 unit of the text becomes at most three bytes.
  if (text.length <= 85) return text;
  while (host.encode(text).length > 256) text = text.slice(0, Math.min(256, text.length - 1));
  return text;
}

/** The text that was last a span of time, and its milliseconds. Most runs use one text many times. */
let lastText;
let lastMillis;

/** Returns a span of time in milliseconds, from a number of seconds or a text such as `10s` or `1.5 h`. */
export function span(value) {
  if (typeof value === 'number' && value >= 0) return value * 1e3;
  if (value === lastText && value !== undefined) return lastMillis;
  const millis = typeof value === 'string' ? host.span(value) : undefined;
  if (millis !== undefined) {
    lastText = value;
    lastMillis = millis;
    return millis;
  }
  throw new Error(`${JSON.stringify(value)} is not a span of time; give seconds as a number, or a text such as "10s", "5m", "2h", "7d"`);
}
