// Node's `module`, as far as packages ask for `require`.

const absent = (name) => { throw Object.assign(new Error(`require(${JSON.stringify(name)}) by createRequire is not there: modules are found when the workflow is deployed, by import or a plain require`), { code: 'MODULE_NOT_FOUND' }); };

export const createRequire = () => Object.assign(absent, { resolve: absent });
export const builtinModules = [];
export const isBuiltin = () => false;
export default { createRequire, builtinModules, isBuiltin };
