// Stands for Node's `diagnostics_channel`. Nobody subscribes to its channels.
const call = (run, self, given) => Reflect.apply(run, self, given);
const channel = (name) => ({
  name, hasSubscribers: false,
  publish() {}, subscribe() {}, unsubscribe: () => false, bindStore() {}, unbindStore: () => false,
  runStores: (context, run, self, ...given) => call(run, self, given),
});
const tracingChannel = (name) => {
  const channels = typeof name === 'string' ? {} : { ...name };
  for (const part of ['start', 'end', 'asyncStart', 'asyncEnd', 'error']) channels[part] ??= channel(`tracing:${name}:${part}`);
  return Object.assign(channels, {
    hasSubscribers: false, subscribe() {}, unsubscribe: () => false,
    traceSync: (run, context, self, ...given) => call(run, self, given),
    tracePromise: (run, context, self, ...given) => call(run, self, given),
    traceCallback: (run, place, context, self, ...given) => call(run, self, given),
  });
};
const REAL = { channel, tracingChannel, hasSubscribers: () => false, subscribe() {}, unsubscribe: () => false };
