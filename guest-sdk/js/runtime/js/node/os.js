// Node's `os`. A workflow has no machine, so the values are fixed ones that programs accept.

export const EOL = '\n';
export const platform = () => 'linux';
export const arch = () => 'wasm32';
export const type = () => 'Linux';
export const release = () => '';
export const version = () => '';
export const hostname = () => 'localhost';
export const homedir = () => '/';
export const tmpdir = () => '/tmp';
export const cpus = () => [];
export const totalmem = () => 0;
export const freemem = () => 0;
export const uptime = () => 0;
export const networkInterfaces = () => ({});
export const endianness = () => 'LE';
export const userInfo = () => ({ username: '', homedir: '/' });
export default { EOL, platform, arch, type, release, version, hostname, homedir, tmpdir, cpus, totalmem, freemem, uptime, networkInterfaces, endianness, userInfo };
