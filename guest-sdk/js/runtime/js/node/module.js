// Node's `module`, as far as packages ask for `require`.

import { requireAt } from 'dormouse:require';
import { fileURLToPath } from 'node:url';

/** The `require` of the module at a URL or a path. It finds what that module's text names, as all was found at deployment. */
export function createRequire(where) {
  const text = String(where);
  return requireAt(text.startsWith('file:') ? fileURLToPath(text) : text);
}

export const builtinModules = [];
export const isBuiltin = () => false;
export default { createRequire, builtinModules, isBuiltin };
