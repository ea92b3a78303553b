// Formats numbers and dates, in `en-US` and UTC only. Other languages and time zones are errors: a wrong figure would be worse.

const ENGLISH = new Set(['en', 'en-US']);

function refuse(what) {
  throw Object.assign(new Error(`${what} is not there: a workflow has numbers and dates of en-US and UTC; use a package for others`), { code: 'no-intl' });
}

function check(locales, options, known) {
  for (const locale of [locales ?? []].flat()) if (!ENGLISH.has(String(locale))) refuse(`the locale ${locale}`);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value !== undefined && !known.includes(name)) refuse(`the option ${name} of toLocaleString`);
  }
}

const SYMBOLS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥' };

/** Rounds a number, times a power of ten, to this many decimal places. The decimal text is rounded, not the binary value. */
function rounded(text, power, places) {
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
  let [whole, fraction] = rounded(String(value).replace('-', ''), style === 'percent' ? 2 : 0, most);
  while (fraction.length > least && fraction.endsWith('0')) fraction = fraction.slice(0, -1);
  fraction = fraction.padEnd(least, '0');
  if (options.useGrouping !== false) whole = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return around(fraction ? `${whole}.${fraction}` : whole);
}

const day = (date) => `${date.getUTCMonth() + 1}/${date.getUTCDate()}/${date.getUTCFullYear()}`;

function time(date) {
  const two = (part) => String(part).padStart(2, '0');
  const hours = date.getUTCHours();
  return `${hours % 12 || 12}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} ${hours < 12 ? 'AM' : 'PM'}`;
}

function shownDate(date, locales, options, parts) {
  check(locales, options, ['timeZone']);
  if (options?.timeZone !== undefined && options.timeZone !== 'UTC') refuse(`the time zone ${options.timeZone}`);
  return Number.isNaN(date.getTime()) ? 'Invalid Date' : parts.map((part) => part(date)).join(', ');
}

const define = (prototype, functions) => {
  for (const [name, value] of Object.entries(functions)) Object.defineProperty(prototype, name, { value, writable: true, configurable: true });
};

const ofNumber = { toLocaleString(locales, options) { return shownNumber(this.valueOf(), locales, options); } };
define(Number.prototype, ofNumber);
define(BigInt.prototype, ofNumber);
define(Date.prototype, {
  toLocaleString(locales, options) { return shownDate(this, locales, options, [day, time]); },
  toLocaleDateString(locales, options) { return shownDate(this, locales, options, [day]); },
  toLocaleTimeString(locales, options) { return shownDate(this, locales, options, [time]); },
});
