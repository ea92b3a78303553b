// Node's `stream/consumers`: all that a stream gives, as one value.
const { Buffer } = require('buffer');

async function buffer(stream) {
  const parts = [];
  for await (const part of stream) parts.push(typeof part === 'string' ? Buffer.from(part) : part);
  return Buffer.concat(parts);
}
const text = async (stream) => (await buffer(stream)).toString();
const json = async (stream) => JSON.parse(await text(stream));
const arrayBuffer = async (stream) => new Uint8Array(await buffer(stream)).buffer;
const blob = async (stream) => new Blob([await buffer(stream)]);

module.exports = { arrayBuffer, blob, buffer, json, text };
