// Node's `timers/promises`.

export const setTimeout = (millis, value, { signal } = {}) => new Promise((resolve, reject) => {
  signal?.throwIfAborted();
  const timer = globalThis.setTimeout(() => resolve(value), millis);
  signal?.addEventListener('abort', () => { globalThis.clearTimeout(timer); reject(signal.reason); });
});

export const setImmediate = (value) => setTimeout(0, value);

export async function* setInterval(millis, value) {
  for (;;) yield await setTimeout(millis, value);
}

export const scheduler = { wait: setTimeout };
export default { setTimeout, setImmediate, setInterval, scheduler };
