// Settings by name: what a program gives and nothing here obeys is named, and never ignored in silence.

const host = globalThis.__dormouse;

/** The warnings of this run. Made with the first, since most runs have none. */
let told;

/** Who else hears of warnings: a run's middlewares. */
const listener = { heard: undefined };

/** Has a function called with each warning. */
export function listen(heard) { listener.heard = heard; }

/** Writes a warning to the run's log, once. */
export function warnOnce(message) {
  if (told?.has(message)) return;
  (told ??= new Set()).add(message);
  host.log('warn', message);
  listener.heard?.(message);
}

/** How many letters must be added, taken away or changed to make one text of another. */
function distance(one, other) {
  let before = Array.from({ length: other.length + 1 }, (_, place) => place);
  for (let row = 1; row <= one.length; row += 1) {
    const now = [row];
    for (let place = 1; place <= other.length; place += 1) {
      const changed = before[place - 1] + (one[row - 1] === other[place - 1] ? 0 : 1);
      now.push(Math.min(changed, before[place] + 1, now[place - 1] + 1));
    }
    before = now;
  }
  return before[other.length];
}

/** The name that was meant, if one of those that there are is close. */
function nearest(name, known) {
  const lower = name.toLowerCase();
  const near = known.map((other) => ({ other, far: distance(lower, other.toLowerCase()) })).sort((a, b) => a.far - b.far)[0];
  return near && near.far <= Math.max(1, Math.floor(name.length / 3)) ? near.other : undefined;
}

/**
 * What is to be said of settings of which `obeyed` are obeyed and `ignored` are taken and have no effect. The values of
 * `ignored` say what to use instead, or are empty.
 */
export function remarks(what, given, obeyed, ignored) {
  const found = [];
  for (const name of Object.keys(given)) {
    if (given[name] === undefined || obeyed.includes(name)) continue;
    if (Object.hasOwn(ignored, name)) {
      found.push(`the option ${name} of ${what} has no effect here${ignored[name] ? `: ${ignored[name]}` : ''}`);
      continue;
    }
    const near = nearest(name, [...obeyed, ...Object.keys(ignored)]);
    found.push(`${what} has no option ${JSON.stringify(name)}, and ignores it; ${near ? `did you mean ${near}?` : `it has ${obeyed.join(', ')}`}`);
  }
  return found;
}

/** Writes what is to be said of settings to the run's log. */
export function remark(what, given, obeyed, ignored) {
  for (const text of remarks(what, given, obeyed, ignored)) warnOnce(text);
}
