// The package `ws`, which many packages import and few use. The class is the global, which says that there are no sockets.
class WebSocketServer {
  constructor() { throw Object.assign(new Error('a workflow has no sockets; the host receives requests: context.createWebhook'), { code: 'no-socket' }); }
}
module.exports = class extends WebSocket {};
Object.assign(module.exports, { WebSocket: module.exports, default: module.exports, WebSocketServer, Server: WebSocketServer });
