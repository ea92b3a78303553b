// `structuredClone`.

function clone(value, made) {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new globalThis.DOMException(`a ${typeof value} cannot be cloned`, 'DataCloneError');
  }
  if (typeof value !== 'object' || value === null) return value;
  if (made.has(value)) return made.get(value);
  const keep = (copy) => { made.set(value, copy); return copy; };
  if (value instanceof Date) return keep(new Date(value.getTime()));
  if (value instanceof RegExp) return keep(new RegExp(value.source, value.flags));
  if (value instanceof ArrayBuffer) return keep(value.slice(0));
  if (ArrayBuffer.isView(value)) {
    const buffer = value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength);
    return keep(value instanceof DataView ? new DataView(buffer) : new value.constructor(buffer));
  }
  if (value instanceof Boolean || value instanceof Number || value instanceof String) return keep(Object(value.valueOf()));
  if (value instanceof Map) {
    const copy = keep(new Map());
    for (const [key, of] of value) copy.set(clone(key, made), clone(of, made));
    return copy;
  }
  if (value instanceof Set) {
    const copy = keep(new Set());
    for (const of of value) copy.add(clone(of, made));
    return copy;
  }
  if (value instanceof Error) {
    const copy = keep(new value.constructor(value.message));
    if (value.stack) copy.stack = value.stack;
    if ('cause' in value) copy.cause = clone(value.cause, made);
    return copy;
  }
  const copy = keep(Array.isArray(value) ? new Array(value.length) : {});
  for (const key of Object.keys(value)) copy[key] = clone(value[key], made);
  return copy;
}

const structuredClone = (value) => clone(value, new Map());

export const globals = { structuredClone };
