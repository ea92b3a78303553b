// Formats numbers and dates and orders texts, in `en-US` and UTC only. Other languages and time zones are errors: a wrong figure
// would be worse.

const ENGLISH = new Set(['en', 'en-US']);

function refuse(what) {
  throw Object.assign(new Error(`${what} is not supported: a workflow formats numbers and dates for en-US and UTC; use a package for others`), { code: 'no-intl' });
}

function check(locales, options, known) {
  for (const locale of [locales ?? []].flat()) if (!ENGLISH.has(String(locale))) refuse(`the locale ${locale}`);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value !== undefined && !known.includes(name)) refuse(`the option ${name}`);
  }
}

const SYMBOLS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥' };

/** Rounds a number, times a power of ten, to this many decimal places. The decimal text is rounded, not the binary value. */
function roundDecimal(text, power, places) {
  const [plain, exponent = '0'] = text.split('e');
  const [before, after = ''] = plain.split('.');
  const scale = after.length - Number(exponent) - power - places;
  let digits = BigInt(before + after);
  if (scale > 0) digits = (digits + 5n * 10n ** BigInt(scale - 1)) / 10n ** BigInt(scale);
  else digits *= 10n ** BigInt(-scale);
  const all = String(digits).padStart(places + 1, '0');
  return [all.slice(0, all.length - places), all.slice(all.length - places)];
}

const NUMBERS = ['style', 'currency', 'useGrouping', 'minimumFractionDigits', 'maximumFractionDigits'];

/** Formats a number in `en-US`. */
export function shownNumber(value, locales, options = {}) {
  check(locales, options, NUMBERS);
  const { style = 'decimal', currency } = options;
  if (!['decimal', 'percent', 'currency'].includes(style)) refuse(`the style ${style}`);
  if (style === 'currency' && !SYMBOLS[currency]) refuse(`the currency ${currency}`);
  const usual = style === 'currency' && currency !== 'JPY' ? 2 : 0;
  const least = options.minimumFractionDigits ?? Math.min(usual, options.maximumFractionDigits ?? usual);
  const most = options.maximumFractionDigits ?? Math.max(least, style === 'decimal' ? 3 : usual);
  if (!(least >= 0 && most <= 100 && least <= most)) throw new RangeError('minimumFractionDigits or maximumFractionDigits is out of range');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const around = (text) => `${sign}${style === 'currency' ? SYMBOLS[currency] : ''}${text}${style === 'percent' ? '%' : ''}`;
  if (typeof value === 'number' && Number.isNaN(value)) return around('NaN');
  if (value === Infinity || value === -Infinity) return around('∞');
  let [whole, fraction] = roundDecimal(String(value).replace('-', ''), style === 'percent' ? 2 : 0, most);
  while (fraction.length > least && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  fraction = fraction.padEnd(least, '0');
  if (options.useGrouping !== false) whole = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return around(fraction ? `${whole}.${fraction}` : whole);
}

const DATES = [
  'weekday', 'year', 'month', 'day', 'hour', 'minute', 'second', 'hour12', 'hourCycle', 'timeZone', 'timeZoneName', 'dateStyle', 'timeStyle', 'calendar', 'numberingSystem',
  'localeMatcher', 'formatMatcher',
];

const ZONES = new Set(['UTC', 'Etc/UTC', 'GMT', 'Etc/GMT', 'Z']);

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** What the styles of dates and of times are short for. */
const DATE_STYLES = {
  full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' },
  medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: '2-digit', month: 'numeric', day: 'numeric' },
};
const TIME_STYLES = {
  full: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'long' }, long: { hour: 'numeric', minute: '2-digit', second: '2-digit', timeZoneName: 'short' },
  medium: { hour: 'numeric', minute: '2-digit', second: '2-digit' }, short: { hour: 'numeric', minute: '2-digit' },
};

const DAY = { year: 'numeric', month: 'numeric', day: 'numeric' };
const TIME = { hour: 'numeric', minute: '2-digit', second: '2-digit' };

const OF_DAY = ['weekday', 'year', 'month', 'day'];
const OF_TIME = ['hour', 'minute', 'second'];

/** Which parts of a date are shown, and how. `usual` is shown if none is asked for, and `wanted` are those that count as asked for. */
function dateParts(locales, options = {}, usual = DAY, wanted = [...OF_DAY, ...OF_TIME]) {
  check(locales, options, DATES);
  const zone = options.timeZone ?? 'UTC';
  if (!ZONES.has(zone)) refuse(`the time zone ${zone}`);
  for (const [name, only] of [['calendar', 'gregory'], ['numberingSystem', 'latn']]) if (![undefined, only].includes(options[name])) refuse(`the ${name} ${options[name]}`);
  const { dateStyle, timeStyle } = options;
  let parts = dateStyle || timeStyle ? { ...DATE_STYLES[dateStyle], ...TIME_STYLES[timeStyle] } : { ...options };
  if (!dateStyle && !timeStyle && !wanted.some((name) => options[name] !== undefined)) parts = { ...parts, ...usual };
  const { hour12, hourCycle } = options;
  if (!['short', 'long', undefined].includes(parts.timeZoneName)) refuse(`the timeZoneName ${parts.timeZoneName}`);
  if (hourCycle && !['h12', 'h23'].includes(hourCycle)) refuse(`the hourCycle ${hourCycle}`);
  return { ...parts, dateStyle, timeStyle, timeZone: zone, hour12, isTwelve: hour12 ?? hourCycle !== 'h23' };
}

const two = (number) => String(number).padStart(2, '0');
const literal = (value) => ({ type: 'literal', value });

/** The day of a date as parts: what it is written with, and what is between. */
function dayParts(date, { weekday, year, month, day }) {
  const name = WEEKDAYS[date.getUTCDay()];
  const isText = ['long', 'short', 'narrow'].includes(month);
  const text = { long: (word) => word, short: (word) => word.slice(0, 3), narrow: (word) => word[0] };
  const shown = {
    weekday: weekday && text[weekday](name),
    year: year && (year === '2-digit' ? two(date.getUTCFullYear() % 100) : String(date.getUTCFullYear())),
    month: month && (isText ? text[month](MONTHS[date.getUTCMonth()]) : month === '2-digit' ? two(date.getUTCMonth() + 1) : String(date.getUTCMonth() + 1)),
    day: day && (day === '2-digit' ? two(date.getUTCDate()) : String(date.getUTCDate())),
  };
  if (year && !month && (day || weekday)) refuse('a year with a day and without a month');
  const part = (type) => ({ type, value: shown[type] });
  const has = (...types) => types.filter((type) => shown[type] !== undefined);
  if (isText && weekday && !day && !year) return [part('month'), literal(' '), part('weekday')];
  if (!month && day && weekday) return [part('day'), literal(' '), part('weekday')];
  if (!isText) return join(has('weekday'), join(has('month', 'day', 'year').map((type) => [part(type)]), '/'), part);
  const inner = join(has('month', 'day').map((type) => [part(type)]), ' ');
  const rest = year ? [...inner, literal(day ? ', ' : ' '), part('year')] : inner;
  return join(has('weekday'), rest, part);
}

/** With `part`: a weekday before the rest. Without: parts with a text between them. */
function join(first, rest, part) {
  if (!part) return first.flatMap((parts, place) => (place ? [literal(rest), ...parts] : parts));
  return [...first.map(part), ...(first.length && rest.length ? [literal(', ')] : []), ...rest];
}

function timeParts(date, { hour, minute, second, timeZoneName, isTwelve, hour12 }) {
  const hours = date.getUTCHours();
  // `hour12: false` counts midnight as 24 in `en-US`.
  const number = isTwelve ? hours % 12 || 12 : hour12 === false ? hours || 24 : hours;
  const parts = [];
  const add = (type, value) => parts.push(...(parts.length ? [literal(':')] : []), { type, value });
  if (hour) add('hour', hour === '2-digit' || !isTwelve ? two(number) : String(number));
  if (minute) add('minute', hour || second ? two(date.getUTCMinutes()) : String(date.getUTCMinutes()));
  if (second) add('second', hour || minute ? two(date.getUTCSeconds()) : String(date.getUTCSeconds()));
  if (hour && isTwelve) parts.push(literal(' '), { type: 'dayPeriod', value: hours < 12 ? 'AM' : 'PM' });
  if (timeZoneName) parts.push(...(parts.length ? [literal(' ')] : []), { type: 'timeZoneName', value: timeZoneName === 'long' ? 'Coordinated Universal Time' : 'UTC' });
  return parts;
}

/** A date of `en-US` in UTC as parts. */
function shownParts(date, parts) {
  const [day, time] = [dayParts(date, parts), timeParts(date, parts)];
  if (!day.length || !time.length) return [...day, ...time];
  const isLong = parts.dateStyle ? ['full', 'long'].includes(parts.dateStyle) : parts.month === 'long';
  const isWeekday = day.length === 1 && parts.weekday && !parts.month;
  return [...day, literal(isWeekday ? ' ' : isLong && parts.hour ? ' at ' : ', '), ...time];
}

const textOf = (parts) => parts.map(({ value }) => value).join('');

function shownDate(date, locales, options, usual, wanted) {
  const parts = dateParts(locales, options, usual, wanted);
  if (usual === DAY && parts.timeStyle) throw new TypeError('toLocaleDateString has no timeStyle');
  if (usual === TIME && parts.dateStyle) throw new TypeError('toLocaleTimeString has no dateStyle');
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : textOf(shownParts(date, parts));
}

/** The order of what is no letter, as Unicode's collation has it. Letters come after. */
const ORDER = new Map([...'\t\n\v\f\r _-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~$0123456789'].map((letter, place) => [letter, place]));

const LIGATURES = { ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', đ: 'd', ł: 'l' };

/** The languages that order letters as Unicode does by default. */
const DEFAULT_ORDER = new Set(['en', 'de', 'fr', 'it', 'nl', 'pt']);

const weight = (letter) => ORDER.get(letter) ?? 1000 + letter.codePointAt(0);

function compareParts(a, b, numeric) {
  const [one, other] = [a, b].map((text) => text.match(numeric ? /\d+|./gsu : /./gsu) ?? []);
  for (let place = 0; place < Math.min(one.length, other.length); place += 1) {
    const [left, right] = [one[place], other[place]];
    if (left === right) continue;
    const isNumber = numeric && /^\d/.test(left) && /^\d/.test(right);
    const differs = isNumber ? Number(BigInt(left) - BigInt(right)) : weight([...left][0]) - weight([...right][0]);
    if (differs) return Math.sign(differs);
  }
  return Math.sign(one.length - other.length);
}

/** Compares texts as people order them: by letters, then by accents, then small letters before large ones. */
export function compare(a, b, locales, { sensitivity = 'variant', numeric = false } = {}) {
  for (const locale of [locales ?? []].flat()) if (!DEFAULT_ORDER.has(String(locale).split('-')[0])) refuse(`the order of the locale ${locale}`);
  const [one, other] = [String(a), String(b)];
  if (one === other) return 0;
  const split = (text) => text.normalize('NFD').replace(/[ßæœøđł]/gi, (letter) => LIGATURES[letter.toLowerCase()]);
  const [left, right] = [split(one), split(other)];
  const plain = (text) => text.replace(/\p{M}/gu, '').toLowerCase();
  const byLetters = compareParts(plain(left), plain(right), numeric);
  if (byLetters || sensitivity === 'base') return byLetters;
  if (sensitivity !== 'case') {
    const byAccents = compareParts(left.toLowerCase(), right.toLowerCase(), numeric);
    if (byAccents || sensitivity === 'accent') return byAccents;
  }
  const letters = (text) => [...text.replace(/\p{M}/gu, '')];
  const [small, large] = [letters(left), letters(right)];
  for (let place = 0; place < Math.min(small.length, large.length); place += 1) {
    if (small[place] !== large[place]) return small[place] === small[place].toLowerCase() ? -1 : 1;
  }
  return 0;
}

const supportedLocalesOf = (locales) => [locales ?? []].flat().filter((locale) => ENGLISH.has(String(locale)));

class DateTimeFormat {
  #parts;
  static supportedLocalesOf = supportedLocalesOf;
  constructor(locales, options) {
    this.#parts = dateParts(locales, options);
    this.format = this.format.bind(this);
  }
  format(date) { return textOf(this.formatToParts(date)); }
  formatToParts(date = Date.now()) {
    const given = new Date(date);
    if (Number.isNaN(given.getTime())) throw new RangeError('Invalid time value');
    return shownParts(given, this.#parts);
  }
  resolvedOptions() { return { locale: 'en-US', calendar: 'gregory', numberingSystem: 'latn', timeZone: this.#parts.timeZone === 'Z' ? 'UTC' : this.#parts.timeZone }; }
}

class NumberFormat {
  #options;
  static supportedLocalesOf = supportedLocalesOf;
  constructor(locales, options = {}) {
    shownNumber(0, locales, options);
    this.#options = { ...options };
    this.format = (value) => shownNumber(typeof value === 'bigint' ? value : Number(value), undefined, this.#options);
  }
  resolvedOptions() { return { locale: 'en-US', numberingSystem: 'latn', style: 'decimal', ...this.#options }; }
}

class Collator {
  static supportedLocalesOf = supportedLocalesOf;
  constructor(locales, options) { this.compare = (a, b) => compare(a, b, locales, options); }
  resolvedOptions() { return { locale: 'en-US', usage: 'sort', sensitivity: 'variant', numeric: false }; }
}

class PluralRules {
  #isOrdinal;
  static supportedLocalesOf = supportedLocalesOf;
  constructor(locales, { type = 'cardinal' } = {}) {
    check(locales, {}, []);
    this.#isOrdinal = type === 'ordinal';
  }
  select(number) {
    if (!this.#isOrdinal) return number === 1 ? 'one' : 'other';
    const [last, teens] = [number % 10, Math.floor(number / 10) % 10 === 1];
    return teens ? 'other' : { 1: 'one', 2: 'two', 3: 'few' }[last] ?? 'other';
  }
  resolvedOptions() { return { locale: 'en-US', type: this.#isOrdinal ? 'ordinal' : 'cardinal' }; }
}

/** A class that may be called as a function, as programs call these. */
const callable = (kind) => new Proxy(kind, { apply: (_, self, given) => Reflect.construct(kind, given) });

const Intl = {
  Collator: callable(Collator), DateTimeFormat: callable(DateTimeFormat), NumberFormat: callable(NumberFormat), PluralRules,
  getCanonicalLocales: (locales) => [locales ?? []].flat().map(String),
};

const define = (prototype, functions) => {
  for (const [name, value] of Object.entries(functions)) Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
};

const ofNumber = { toLocaleString(locales, options) { return shownNumber(this.valueOf(), locales, options); } };
define(Number.prototype, ofNumber);
define(BigInt.prototype, ofNumber);
define(Date.prototype, {
  toLocaleString(locales, options) { return shownDate(this, locales, options, { ...DAY, ...TIME }); },
  toLocaleDateString(locales, options) { return shownDate(this, locales, options, DAY, OF_DAY); },
  toLocaleTimeString(locales, options) { return shownDate(this, locales, options, TIME, OF_TIME); },
});
define(String.prototype, { localeCompare(other, locales, options) { return compare(this, other, locales, options); } });

export const globals = { Intl };
