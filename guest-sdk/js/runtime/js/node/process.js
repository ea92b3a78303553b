// Node's `process`: the same object as the global `process`.

const { process } = globalThis;

export const {
  abort, arch, argv, chdir, cpuUsage, cwd, emit, emitWarning, env, execArgv, exit, hrtime, kill, memoryUsage, nextTick, off, on, once, pid, platform, stderr, stdout, umask, uptime,
  version, versions,
} = process;
export default process;
