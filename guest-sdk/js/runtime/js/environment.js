// `process`, whose `env` is what the workflow was deployed with.

import { placeholder } from 'dormouse:secrets';

const host = globalThis.__dormouse;

export function environment(variables, secrets) {
  const env = { NODE_ENV: 'production', ...variables };
  for (const name of secrets) env[name] = placeholder(name);
  const process = {
    env, version: 'v22.0.0', versions: { node: '22.0.0' }, platform: 'linux', arch: 'wasm32', argv: [], pid: 1,
    cwd: () => '/',
    nextTick: (run, ...values) => void Promise.resolve().then(() => run(...values)),
    emitWarning: (warning) => host.log('warn', String(warning?.message ?? warning)),
    hrtime: Object.assign(() => [Math.floor(host.now() / 1e3), (host.now() % 1e3) * 1e6], { bigint: () => BigInt(host.now()) * 1000000n }),
    on() { return process; }, once() { return process; }, off() { return process; },
  };
  Object.defineProperty(globalThis, 'process', { value: process, writable: true, configurable: true, enumerable: false });
}
