// Globals that packages look for when they are loaded, and that do nothing here: whoever uses one is told what to use.

import { globals as events } from 'dormouse:events';

class WebSocket extends events.EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSING = 2;
  static CLOSED = 3;
  constructor() {
    super();
    throw Object.assign(new Error('WebSocket was used; a workflow has no sockets; use fetch, and a webhook for what comes'), { code: 'no-socket' });
  }
}

const refuse = () => { throw Object.assign(new Error('Atomics was used; a workflow has one thread, which waits for nobody'), { code: 'no-threads' }); };
const OPERATIONS = ['add', 'and', 'compareExchange', 'exchange', 'isLockFree', 'load', 'notify', 'or', 'store', 'sub', 'wait', 'waitAsync', 'xor'];
const Atomics = Object.fromEntries(OPERATIONS.map((name) => [name, refuse]));

export const globals = { Atomics, WebSocket };
