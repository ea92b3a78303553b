// Node's `stream/web`, which are the web's streams.

import { globals } from 'dormouse:streams';

export const {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader, TextDecoderStream,
  TextEncoderStream, TransformStream, WritableStream, WritableStreamDefaultWriter,
} = globals;
export default globals;
