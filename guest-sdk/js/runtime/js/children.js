// How runs start others.

import { Headers } from 'dormouse:fetch';
import { millis } from 'dormouse:payload';

/** A label `key:value`. Upstash's labels are a value alone. */
const labelOf = (given) => (String(given).includes(':') ? String(given) : `label:${given}`);

/** What a run is started with, of the settings of `invoke`, `call` and `trigger`. */
export function startSettings({ headers, label, timeout }) {
  const settings = { timeout: millis(timeout) };
  if (label !== undefined && label !== null) settings.label = labelOf(label);
  const fields = headers ? [...new Headers(headers)] : [];
  // Programs read the label of Upstash's there.
  if (settings.label && !fields.some(([name]) => name === 'upstash-label')) fields.push(['upstash-label', String(label)]);
  if (fields.length) settings.headers = fields;
  return settings;
}
