// CommonJS modules: each is a function that is called once.

const host = globalThis.__dormouse;

const loaded = new Map();

/** Returns the exports of a module that is not an ES module. */
export function load(id) {
  const before = loaded.get(id);
  if (before) return before.exports;
  const place = host.place(id);
  const module = { exports: {}, id: place, filename: place, loaded: false, children: [], paths: [] };
  loaded.set(id, module);
  if (host.kind(id) === 'json') module.exports = host.json(id);
  else {
    const folder = place.slice(0, place.lastIndexOf('/'));
    host.compile(id).call(module.exports, module.exports, requireFrom(id), module, place, folder);
  }
  module.loaded = true;
  return module.exports;
}

function requireFrom(base) {
  const require = (name) => {
    const id = host.resolve(base, String(name));
    if (id === undefined || id === null) {
      throw Object.assign(new Error(`${base} requires ${JSON.stringify(name)}, which was not found when the workflow was deployed`), { code: 'MODULE_NOT_FOUND' });
    }
    if (host.kind(id) !== 'esm') return load(id);
    const module = host.import(id);
    if (id.startsWith('node:')) return module.default;
    // What compilers made of `import x from` looks for this mark.
    return 'default' in module && !('__esModule' in module) ? Object.create(module, { __esModule: { value: true } }) : module;
  };
  require.resolve = (name) => host.resolve(base, String(name));
  require.cache = {};
  return require;
}

/** Returns the `require` of a module at this path. The module itself need not exist. */
export const requireAt = (place) => requireFrom(host.moduleAt(place) ?? place);

/** Returns the names that an ES module can import from a CommonJS module. */
export function names(id) {
  const exports = load(id);
  if (exports === null || (typeof exports !== 'object' && typeof exports !== 'function')) return [];
  return Object.keys(exports).filter((name) => name !== 'default' && name !== '__esModule');
}

/** Returns the value of `import x from` for a CommonJS module, by the rules of bundlers. */
export function byDefault(exports) {
  return exports && exports.__esModule && 'default' in exports ? exports.default : exports;
}
