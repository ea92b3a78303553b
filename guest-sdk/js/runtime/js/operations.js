// Operations: each has a number here, and a promise that is settled when the host says what came of it.

const host = globalThis.__dormouse;

/** A promise of an operation's outcome. An aborted signal gives the operation up. */
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

/** A step's name, as the host takes it: at most 256 bytes. */
export function stepName(name) {
  let text = String(name);
  if (text === '') throw new Error('a step was given an empty name; give it one that people recognise');
  // A character has three bytes at most, for each unit of the text.
  if (text.length <= 85) return text;
  while (host.encode(text).length > 256) text = text.slice(0, Math.min(256, text.length - 1));
  return text;
}

/** A span of time in milliseconds: a number of seconds, or a text such as `10s` or `1.5 h`. */
export function span(value) {
  if (typeof value === 'number' && value >= 0) return value * 1e3;
  const millis = typeof value === 'string' ? host.span(value) : undefined;
  if (millis === undefined) throw new Error(`${JSON.stringify(value)} is no span of time; give seconds as a number, or a text such as "10s", "5m", "2h", "7d"`);
  return millis;
}
