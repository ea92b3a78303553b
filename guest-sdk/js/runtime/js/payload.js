// What runs are given and give, as the contract has it.

import { parseJson } from 'dormouse:fetch';
import { span } from 'dormouse:operations';
import { textOf } from 'dormouse:bytes';

const host = globalThis.__dormouse;

/** A value as JSON, and nothing for one that JSON has nothing for: a function and a symbol are as `undefined`. */
export function json(value, what = 'the value') {
  try {
    return host.encode(JSON.stringify(value) ?? '');
  } catch (error) {
    if (error instanceof Error) error.message = `${what} cannot be made JSON: ${error.message}`;
    throw error;
  }
}

/** The value of a payload: nothing, JSON, or the text itself. */
export function value({ body }) {
  const text = textOf(body);
  if (text === '') return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    if (error.code) throw error;
    return text;
  }
}

/** A span of time in milliseconds; none if none was given. */
export const millis = (given) => (given === undefined || given === null ? null : span(given));

/** A run's id without what Upstash Workflow puts before it. */
export const runId = (given) => String(given).replace(/^wfr_/, '');
