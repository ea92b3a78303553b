// Node's `module`: only `createRequire`, which packages use to get `require`.

import { requireAt } from 'dormouse:require';
import { fileURLToPath } from 'node:url';

/** Returns the `require` of the module at a URL or a path. It finds the modules that deployment found in this module's source. */
export function createRequire(where) {
  const text = String(where);
  return requireAt(text.startsWith('file:') ? fileURLToPath(text) : text);
}

export const builtinModules = [];
export const isBuiltin = () => false;
export default { createRequire, builtinModules, isBuiltin };
