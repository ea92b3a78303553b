// Node's `path` for POSIX paths. A workflow has no files, but programs use this module for paths in URLs and names.

export const sep = '/';
export const delimiter = ':';
export const isAbsolute = (path) => path.startsWith('/');

export function normalize(path) {
  if (path === '') return '.';
  const parts = [];
  for (const part of path.split('/')) {
    if (part === '..' && (parts.length ? parts.at(-1) !== '..' : !isAbsolute(path))) parts.length ? parts.pop() : parts.push('..');
    else if (part === '..' && !isAbsolute(path)) parts.push('..');
    else if (part !== '' && part !== '.' && part !== '..') parts.push(part);
  }
  const inner = parts.join('/');
  const end = path.endsWith('/') && inner ? '/' : '';
  return (isAbsolute(path) ? '/' : '') + inner + end || '.';
}

export const join = (...paths) => normalize(paths.filter(Boolean).join('/'));

export function resolve(...paths) {
  let found = '';
  for (const path of ['/', ...paths]) if (path) found = isAbsolute(path) ? path : `${found}/${path}`;
  const plain = normalize(found);
  return plain.length > 1 ? plain.replace(/\/$/, '') : plain;
}

export function dirname(path) {
  const plain = path.replace(/\/+$/, '');
  const place = plain.lastIndexOf('/');
  return place < 0 ? (isAbsolute(path) ? '/' : '.') : place === 0 ? '/' : plain.slice(0, place);
}

export function basename(path, ending = '') {
  const name = path.replace(/\/+$/, '').split('/').at(-1);
  return ending && name !== ending && name.endsWith(ending) ? name.slice(0, -ending.length) : name;
}

export function extname(path) {
  const name = basename(path);
  const place = name.lastIndexOf('.');
  return place <= 0 || name === '..' ? '' : name.slice(place);
}

export function relative(from, to) {
  const [a, b] = [resolve(from), resolve(to)].map((path) => path.split('/').filter(Boolean));
  let same = 0;
  while (same < a.length && a[same] === b[same]) same += 1;
  return [...a.slice(same).map(() => '..'), ...b.slice(same)].join('/');
}

export const parse = (path) => {
  const [base, ext] = [basename(path), extname(path)];
  return { root: isAbsolute(path) ? '/' : '', dir: path.includes('/') ? dirname(path) : '', base, ext, name: ext ? base.slice(0, -ext.length) : base };
};
export const format = ({ dir, root = '', base, name = '', ext = '' }) => {
  const file = base ?? name + ext;
  return dir ? `${dir}${dir === root ? '' : '/'}${file}` : root + file;
};

const path = { sep, delimiter, isAbsolute, normalize, join, resolve, dirname, basename, extname, relative, parse, format };
path.posix = path;
export const posix = path;
export default path;
