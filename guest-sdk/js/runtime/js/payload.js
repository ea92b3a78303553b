// Converts inputs and outputs of runs between JavaScript values and payloads of the contract.

import { parseJson } from 'dormouse:fetch';
import { span } from 'dormouse:operations';
import { textOf } from 'dormouse:bytes';

const host = globalThis.__dormouse;

/** Encodes a value as JSON. Returns an empty payload for `undefined`, a function and a symbol, which JSON cannot represent. */
export function json(value, what = 'the value') {
  try {
    return host.encode(JSON.stringify(value) ?? '');
  } catch (error) {
    if (error instanceof Error) error.message = `${what} cannot be made JSON: ${error.message}`;
    throw error;
  }
}

/** Decodes a payload: undefined if it is empty, the value if it is JSON, otherwise the text itself. */
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

/** Returns a span of time in milliseconds; undefined if none was given. */
export const millis = (given) => (given === undefined || given === null ? null : span(given));

/** Returns a run's id without the prefix of Upstash Workflow. */
export const runId = (given) => String(given).replace(/^wfr_/, '');
