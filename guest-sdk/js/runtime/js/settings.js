// Checks the names of settings. A setting that has no effect is named in a warning, and never ignored silently.

const host = globalThis.__dormouse;

/** The warnings of this run. It is made with the first warning, because most runs have none. */
let told;

/** The function that is called with each warning. It tells the run's middlewares. */
const listener = { heard: undefined };

/** Sets the function that is called with each warning. */
export function listen(heard) { listener.heard = heard; }

/** Writes a warning to the run's log, once. */
export function warnOnce(message) {
  if (told?.has(message)) return;
  (told ??= new Set()).add(message);
  host.log('warn', message);
  listener.heard?.(message);
}

/** Returns the edit distance of two texts: how many letters must be added, removed or changed. */
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

/** Returns the existing name that is closest to a misspelt one, if one is close enough. */
function nearest(name, known) {
  const lower = name.toLowerCase();
  const near = known.map((other) => ({ other, far: distance(lower, other.toLowerCase()) })).sort((a, b) => a.far - b.far)[0];
  return near && near.far <= Math.max(1, Math.floor(name.length / 3)) ? near.other : undefined;
}

/**
 * Returns a note for each setting that has no effect. `obeyed` lists the settings that have an effect. `ignored` has those that are
 * accepted without one; its values say what to use instead, or are empty.
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

/** Writes the notes about settings to the run's log. */
export function remark(what, given, obeyed, ignored) {
  for (const text of remarks(what, given, obeyed, ignored)) warnOnce(text);
}
