// Prepares the engine before it evaluates the workflow: sets the globals, and the hooks that the engine calls.

import { registered } from 'dormouse:registry';
import { start, warmUp } from 'dormouse:serve';
import 'dormouse:workflow';
import * as buffers from 'node:buffer';
import * as bytes from 'dormouse:bytes';
import * as carrying from 'dormouse:carried';
import * as clones from 'dormouse:clone';
import * as consoles from 'dormouse:console';
import * as cryptography from 'dormouse:crypto';
import * as decorators from 'dormouse:decorators';
import * as events from 'dormouse:events';
import * as fetching from 'dormouse:fetch';
import * as processes from 'dormouse:process';
import * as refused from 'dormouse:refused';
import * as streams from 'dormouse:streams';
import * as timers from 'dormouse:timers';
import * as urls from 'dormouse:url';
// The loader of CommonJS modules. It reads `__dormouse` while it is loaded, because the runtime then removes that global.
import 'dormouse:require';
import * as language from 'dormouse:intl';

const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });

for (const module of [buffers, bytes, carrying, clones, consoles, cryptography, decorators, events, fetching, language, processes, refused, streams, timers, urls]) {
  for (const [name, value] of Object.entries(module.globals)) define(name, value);
}
define('global', globalThis);
define('self', globalThis);

export const hooks = { environment: processes.environment, registered, start, warmUp };
