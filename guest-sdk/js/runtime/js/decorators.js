// The functions that compiled `experimentalDecorators` call. Packages such as `reflect-metadata` extend them.

/** Applies decorators to a class, or to a member with this key. The descriptor is undefined for a property. */
function decorate(decorators, target, ...member) {
  const [key, descriptor] = member;
  const isClass = !member.length;
  let decorated = isClass ? target : descriptor === null ? Object.getOwnPropertyDescriptor(target, key) : descriptor;
  if (typeof Reflect.decorate === 'function') decorated = Reflect.decorate(decorators, target, ...member);
  else {
    for (const decorator of decorators.filter(Boolean).reverse()) {
      decorated = (isClass ? decorator(decorated) : decorator(target, key, decorated)) || decorated;
    }
  }
  if (!isClass && decorated) Object.defineProperty(target, key, decorated);
  return decorated;
}

const decorateParam = (place, decorator) => (target, key) => decorator(target, key, place);
const decorateMetadata = (key, value) => Reflect.metadata?.(key, value);

export const globals = { babelHelpers: { decorate, decorateParam, decorateMetadata } };
