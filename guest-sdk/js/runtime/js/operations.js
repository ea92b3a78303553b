// Operations: each has a number, and a promise that is settled when the host delivers the outcome.

const host = globalThis.__dormouse;

/** Returns a promise of an operation's outcome. If the signal is aborted, the operation is given up. */
export function perform(number, signal) {
  const outcome = host.outcome(number);
  if (!signal) return outcome;
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

/** Returns a span of time in milliseconds, from a number of seconds or a text such as `10s` or `1.5 h`. */
export function span(value) {
  if (typeof value === 'number' && value >= 0) return value * 1e3;
  const millis = typeof value === 'string' ? host.span(value) : undefined;
  if (millis === undefined) throw new Error(`${JSON.stringify(value)} is no span of time; give seconds as a number, or a text such as "10s", "5m", "2h", "7d"`);
  return millis;
}
