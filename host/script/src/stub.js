// Stands for a module of Node that the runtime does not have. Every function of it throws an error, except those in REAL.
const refusing = (path) => {
  const refuse = () => {
    throw Object.assign(new Error(`${path} of ${NAME} was called, a module of Node that is not available; ${INSTEAD}`), { code: 'node-module' });
  };
  return new Proxy(function () {}, {
    apply: refuse,
    construct: refuse,
    get: (target, member) => (member in target || typeof member === 'symbol' ? target[member] : refusing(`${path}.${member}`)),
  });
};
const members = { ...REAL };
for (const member of MEMBERS) members[member] ??= refusing(member);
module.exports = new Proxy(members, {
  get(target, member) {
    if (member in target || typeof member === 'symbol' || member === '__esModule' || member === 'then' || member === 'default') return target[member];
    return refusing(member);
  },
});
