// What is there before the workflow: the globals, and the hooks by which the engine is told things.

import { environment, registered, result, start } from 'dormouse:workflow';
import { reject, resolve } from 'dormouse:operations';
import * as bytes from 'dormouse:bytes';
import * as consoles from 'dormouse:console';
import * as events from 'dormouse:events';
import * as fetching from 'dormouse:fetch';
import * as timers from 'dormouse:timers';
import * as urls from 'dormouse:url';

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

for (const module of [bytes, consoles, events, fetching, timers, urls]) {
  for (const [name, value] of Object.entries(module.globals)) define(name, value);
}
define('global', globalThis);
define('self', globalThis);

export const hooks = { environment, registered, reject, resolve, result, start };
