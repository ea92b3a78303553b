// Node's `process`, which is the global.

const { process } = globalThis;

export const { env, version, versions, platform, arch, argv, pid, cwd, nextTick, emitWarning, hrtime, on, once, off } = process;
export default process;
