// Reads the input of a workflow's function, as the options of `serve` say.

import { textOf } from 'dormouse:bytes';
import { value } from 'dormouse:payload';

export function inputOf(payload, { initialPayloadParser: parse, schema }) {
  const input = parse ? parse(textOf(payload.body)) : value(payload);
  return schema ? schema.parse(input) : input;
}
