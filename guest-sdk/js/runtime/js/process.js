// Node's `process`: the parts that programs use, for a workflow that has no process of its own.

import { placeholder } from 'dormouse:secrets';

const host = globalThis.__dormouse;

/** Makes a stream that writes to the run's log. */
function output(fd, level) {
  const stream = {
    fd, isTTY: false, writable: true,
    write(chunk, ...rest) {
      const text = typeof chunk === 'string' ? chunk : host.decode(chunk, false);
      if (text.trimEnd() !== '') host.log(level, text.trimEnd());
      const written = rest.find((one) => typeof one === 'function');
      if (written) Promise.resolve().then(() => written());
      return true;
    },
    end(chunk) { if (chunk !== undefined && chunk !== null) stream.write(chunk); return stream; },
    getColorDepth: () => 1, hasColors: () => false,
  };
  return withoutEvents(stream);
}

/** Accepts a listener. The events of a process never happen here. */
function withoutEvents(object) {
  for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'prependListener', 'setMaxListeners']) object[name] = () => object;
  return Object.assign(object, { emit: () => false, listeners: () => [], listenerCount: () => 0 });
}

function absent(name, why) {
  return () => { throw Object.assign(new Error(`process.${name} was called; ${why}`), { code: `process-${name}` }); };
}

const ENDS = 'a workflow ends when its function returns or throws';
const MEMORY = { rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 };

function hrtime(previous) {
  const now = host.now();
  const seconds = Math.floor(now / 1e3);
  const nanos = (now % 1e3) * 1e6;
  if (previous === undefined) return [seconds, nanos];
  const less = nanos < previous[1];
  return [seconds - previous[0] - (less ? 1 : 0), nanos - previous[1] + (less ? 1e9 : 0)];
}
hrtime.bigint = () => BigInt(host.now()) * 1000000n;

const process = withoutEvents({
  env: {}, version: 'v22.0.0', versions: { node: '22.0.0' }, platform: 'linux', arch: 'wasm32', title: 'node', argv: [], argv0: 'node',
  execArgv: [], execPath: '/node', pid: 1, ppid: 0, config: {}, features: {},
  cwd: () => '/', uptime: () => 0, umask: () => 0o22,
  nextTick: (run, ...values) => void Promise.resolve().then(() => run(...values)),
  emitWarning: (warning) => host.log('warn', String(warning?.message ?? warning)),
  hrtime, memoryUsage: Object.assign(() => ({ ...MEMORY }), { rss: () => 0 }), cpuUsage: () => ({ user: 0, system: 0 }),
  stdout: output(1, 'info'), stderr: output(2, 'error'),
  exit: absent('exit', ENDS), abort: absent('abort', ENDS), kill: absent('kill', 'a workflow has no processes'), chdir: absent('chdir', 'a workflow has no files'),
});

/** Sets the variables that the workflow was deployed with. */
export function environment(variables, secrets) {
  process.env = { NODE_ENV: 'production', ...variables };
  for (const name of secrets) process.env[name] = placeholder(name);
}

export const globals = { process };
