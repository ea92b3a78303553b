// The global `console`. It writes to the run's log.

const host = globalThis.__dormouse;

/** Formats a value for people to read. */
export function shown(value, depth = 0, seen = []) {
  if (typeof value === 'string') return depth ? JSON.stringify(value) : value;
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol') return value.toString();
  if (typeof value === 'function') return `[Function ${value.name || '(anonymous)'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Error) return `${value.name === 'Error' ? 'Error: ' : ''}${host.told(value)}`;
  if (value instanceof Date || value instanceof RegExp) return depth && value instanceof Date ? value.toISOString() : String(value);
  if (seen.includes(value)) return '[Circular]';
  if (depth > 3) return Array.isArray(value) ? '[Array]' : '[Object]';
  const within = [...seen, value];
  const inner = (part) => shown(part, depth + 1, within);
  if (Array.isArray(value)) return `[${value.slice(0, 100).map(inner).join(', ')}${value.length > 100 ? ', …' : ''}]`;
  if (value instanceof Map) return `Map {${[...value].map(([key, of]) => `${inner(key)} => ${inner(of)}`).join(', ')}}`;
  if (value instanceof Set) return `Set {${[...value].map(inner).join(', ')}}`;
  const name = value.constructor && value.constructor !== Object ? `${value.constructor.name} ` : '';
  const parts = Object.entries(value).slice(0, 100).map(([key, of]) => `${key}: ${inner(of)}`);
  return `${name}{${parts.length ? ` ${parts.join(', ')} ` : ''}}`;
}

export function format(...values) {
  const [first, ...rest] = values;
  if (typeof first !== 'string' || !/%[sdifjoOc%]/.test(first)) return values.map((value) => shown(value)).join(' ');
  const text = first.replace(/%([sdifjoOc%])/g, (whole, kind) => {
    if (kind === '%') return '%';
    if (!rest.length) return whole;
    const value = rest.shift();
    if (kind === 'c') return '';
    if (kind === 'd' || kind === 'i') return String(kind === 'i' ? Math.trunc(Number(value)) : Number(value));
    if (kind === 'f') return String(Number(value));
    return kind === 'j' ? JSON.stringify(value) : shown(value, kind === 's' ? 0 : 1);
  });
  return [text, ...rest.map((value) => shown(value))].join(' ');
}

let indent = '';
const counts = new Map();
const begun = new Map();
const write = (level) => (...values) => host.log(level, indent + format(...values));

const console = {
  trace: write('trace'), debug: write('debug'), log: write('info'), info: write('info'), warn: write('warn'), error: write('error'),
  dir: write('info'), table: write('info'),
  assert(condition, ...values) { if (!condition) host.log('error', `${indent}assertion failed: ${format(...values)}`); },
  count(label = 'default') {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    host.log('info', `${indent}${label}: ${counts.get(label)}`);
  },
  countReset(label = 'default') { counts.delete(label); },
  group(...values) { if (values.length) host.log('info', indent + format(...values)); indent += '  '; },
  groupEnd() { indent = indent.slice(2); },
  time(label = 'default') { begun.set(label, host.now()); },
  timeLog(label = 'default', ...values) { host.log('info', `${indent}${label}: ${host.now() - (begun.get(label) ?? host.now())} ms ${format(...values)}`.trimEnd()); },
  timeEnd(label = 'default') { console.timeLog(label); begun.delete(label); },
};
console.groupCollapsed = console.group;

const entry = (entryType, name) => ({ entryType, name, startTime: performance.now(), duration: 0, detail: null });
const none = () => [];

// The clock stands still while the program computes, so that no entry lasts.
const performance = {
  now: () => host.now() - 0, get timeOrigin() { return 0; }, mark: (name) => entry('mark', name), measure: (name) => entry('measure', name), clearMarks() {},
  clearMeasures() {}, getEntries: none, getEntriesByName: none, getEntriesByType: none, toJSON: () => ({ timeOrigin: 0 }),
};

export const globals = { console, performance };
