// The options with which a run starts another run.

import { Headers } from 'dormouse:fetch';
import { millis } from 'dormouse:payload';

/** Returns a label as `key:value`. Labels of Upstash Workflow have a value only, and get the key `label`. */
const labelOf = (given) => (String(given).includes(':') ? String(given) : `label:${given}`);

/** Makes the options of a start from the settings of `invoke`, `call` or `trigger`. */
export function startSettings({ headers, label, timeout }) {
  const settings = { timeout: millis(timeout) };
  if (label !== undefined && label !== null) settings.label = labelOf(label);
  const fields = headers ? [...new Headers(headers)] : [];
  // Programs for Upstash Workflow read their label from this header.
  if (settings.label && !fields.some(([name]) => name === 'upstash-label')) fields.push(['upstash-label', String(label)]);
  if (fields.length) settings.headers = fields;
  return settings;
}
