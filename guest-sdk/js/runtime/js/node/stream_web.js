// Node's `stream/web`: the streams of the web.

import { globals } from 'dormouse:streams';

export const {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader, TextDecoderStream,
  TextEncoderStream, TransformStream, WritableStream, WritableStreamDefaultWriter,
} = globals;
export default globals;
