// The context, which is the argument of a workflow's function.

import { Headers, NOTHING, Request, Response, bytesOf, callOnce, fieldsOf, isStream, parseJson, readBody, received, receivedFields, sentHeaders } from 'dormouse:fetch';
import { WorkflowError, WorkflowNonRetryableError, WorkflowRetryAfterError } from 'dormouse:errors';
import { addressOf } from 'dormouse:registry';
import { json, millis, runId, value } from 'dormouse:payload';
import { perform, span, stepName } from 'dormouse:operations';
import { apiOf } from 'dormouse:api';
import { remark } from 'dormouse:settings';
import { startSettings } from 'dormouse:children';
import { textOf } from 'dormouse:bytes';

const host = globalThis.__dormouse;

const DEFAULT_EVENT_WAIT = 7 * 864e5;

/** The default delay between the tries of a step, as in Upstash Workflow. */
const STEP_DELAYS = [12e3, 150e3, 18e5];

const HIDDEN = new Set(['authorization', 'cookie']);

class WorkflowHeaders extends Headers {
  get(name) {
    if (HIDDEN.has(String(name).toLowerCase())) {
      host.log('warn', `the header ${name} of the request that started this run is not kept; check callers with the host's API token or a trigger's signature`);
    }
    return super.get(name);
  }
}

/** The functions that an expression of `retryDelay` may call. */
const DELAY_FUNCTIONS = ['pow', 'sqrt', 'abs', 'exp', 'floor', 'ceil', 'round', 'min', 'max'];

/** Returns the milliseconds before the next try, from a number, a span such as "2s", or an expression such as "pow(2, retried) * 1000". */
function retryDelay(given, retried) {
  if (typeof given === 'number' && given >= 0) return given;
  const text = String(given).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^\d+(\.\d+)?\s*(ms|s|m|h|d|w|mo|y)$/.test(text)) return span(text);
  const names = text.match(/[a-z_]\w*/gi) ?? [];
  const isKnown = names.every((name) => name === 'retried' || DELAY_FUNCTIONS.includes(name));
  if (isKnown && /^[\w\s+\-*/%().,]+$/.test(text)) {
    try {
      const evaluate = new Function('retried', ...DELAY_FUNCTIONS, `return (${text});`);
      const delay = evaluate(retried, ...DELAY_FUNCTIONS.map((name) => Math[name]));
      if (Number.isFinite(delay) && delay >= 0) return Math.floor(delay);
    } catch {
      // A text that is no expression is refused below.
    }
  }
  throw new WorkflowError(`retryDelay: ${JSON.stringify(given)} is not a delay; give milliseconds, a span such as "2s", or an expression of \`retried\` such as "pow(2, retried) * 1000"`);
}

export class WorkflowContext {
  #run; #headers;
  constructor(run, payload, options) {
    this.#run = run;
    this.requestPayload = payload;
    this.env = options.env ?? globalThis.process.env;
    this.url = `/v1/workflows/${run.workflow}`;
    this.failureUrl = undefined;
    this.retries = options.retries ?? 3;
    this.retryDelay = options.retryDelay;
  }

  get headers() { return (this.#headers ??= new WorkflowHeaders(receivedFields(this.#run.headers))); }
  get label() { return this.headers.get('upstash-label') ?? undefined; }
  get workflowRunId() { return this.#run.id; }
  get workflowName() { return this.#run.workflow; }
  get workflowRunCreatedAt() { return this.#run.started; }

  /** Runs a function, again if it fails, and records its result. */
  async run(step, run) {
    const name = stepName(step);
    for (let failed = 0; ; failed += 1) {
      let outcome;
      try {
        outcome = { ok: await run() };
      } catch (error) {
        outcome = { error };
      }
      if (!('error' in outcome)) return record(name, outcome.ok);
      const { error } = outcome;
      if (error instanceof WorkflowNonRetryableError || failed >= this.retries) throw error;
      await this.#delay(name, failed, error);
    }
  }

  async #delay(name, failed, error) {
    let wait = STEP_DELAYS[Math.min(failed, STEP_DELAYS.length - 1)];
    if (error instanceof WorkflowRetryAfterError) wait = span(error.retryAfter);
    else if (this.retryDelay !== undefined) wait = retryDelay(this.retryDelay, failed);
    host.log('warn', `the step ${JSON.stringify(name)} failed, and is tried again in ${wait / 1e3} s: ${host.told(error)}`);
    await perform(host.sleep(stepName(`retry ${name}`), wait));
  }

  /** Runs a computation and records its result. A replay skips the computation. It must not use anything outside the program. */
  async compute(step, run) {
    const name = stepName(step);
    const before = host.beginStep(name);
    if (before?.error) throw before.error;
    if (before) return value(before.ok);
    try {
      const result = run();
      const body = json(result, resultOf(name));
      host.finishStep(name, 'application/json', body);
      return value({ body });
    } catch (error) {
      host.failStep(name, 'error', String(error?.message ?? error));
      throw error;
    }
  }

  async sleep(step, duration, { signal } = {}) {
    await perform(host.sleep(stepName(step), span(duration)), signal);
  }

  async sleepUntil(step, time, { signal } = {}) {
    const instant = time instanceof Date ? time.getTime() : typeof time === 'string' ? Date.parse(time) : Number(time) * (Number(time) < 1e11 ? 1e3 : 1);
    if (!Number.isFinite(instant)) throw new WorkflowError(`${String(time)} is not a point in time; give a Date, a text that Date.parse reads, or seconds since 1970`);
    await perform(host.sleepUntil(stepName(step), instant), signal);
  }

  async call(step, settings) {
    const name = stepName(step);
    if (settings.workflow) {
      const run = await this.#start(name, 'call', settings, 'leave');
      return { status: 200, body: { workflowRunId: run }, header: {}, headers: {} };
    }
    remark('call', settings, CALL, CALL_IGNORED);
    const request = callRequest(name, settings);
    const options = { timeout: millis(settings.timeout), redirects: 0 };
    for (let failed = 0; ; failed += 1) {
      const outcome = await callOnce(name, request, options, settings.signal);
      const isGood = outcome.ok && outcome.ok.status >= 200 && outcome.ok.status < 300;
      if (isGood || failed >= (settings.retries ?? 0)) return called(outcome);
      const wait = settings.retryDelay === undefined ? STEP_DELAYS[Math.min(failed, STEP_DELAYS.length - 1)] : retryDelay(settings.retryDelay, failed);
      await perform(host.sleep(stepName(`retry ${name}`), wait), settings.signal);
    }
  }

  async createWebhook(step, options = {}) {
    const made = host.createWebhook(stepName(step), webhookOptions(options));
    return { webhookUrl: made.url, eventId: made.id };
  }

  // `waitForWebhook` and `respond` are not `async`, because an `async` function makes a promise and a replay of many waits would
  // take longer. `waitForWebhook` returns the promise that the host settles, and `respond` a promise that all answers share.
  waitForWebhook(step, webhook, timeout, options) {
    try {
      return perform(host.waitForWebhook(stepName(step), webhook.eventId, millis(timeout), taken), options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Answers the caller of a webhook that was created with `reply`. */
  respond(step, delivery, response) {
    try {
      const name = stepName(step);
      const id = delivery.id ?? delivery;
      if (isPlain(response)) {
        host.respond(name, id, response.status ?? 200, [], NOTHING);
        return DONE;
      }
      const given = response instanceof Response ? response : new Response(response?.body, response);
      const respond = () => host.respond(name, id, given.status, fieldsOf(given), bytesOf(given));
      if (isStream(given)) return readBody(given).then(respond);
      respond();
      return DONE;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async closeWebhook(step, webhook) { host.closeWebhook(stepName(step), webhook.eventId); }

  async waitForEvent(step, event, options = {}) {
    const { timeout, signal } = typeof options === 'object' && options ? options : { timeout: options };
    const wait = timeout === undefined || timeout === null ? DEFAULT_EVENT_WAIT : span(timeout);
    const payload = await perform(host.waitForEvent(stepName(step), String(event), wait), signal);
    return payload ? { eventData: value(payload), timeout: false } : { eventData: undefined, timeout: true };
  }

  /** Sends an event to all runs that wait for it, or to the named run only. */
  async notify(step, event, data, to) {
    const given = to?.workflowRunId ?? to;
    if (given !== undefined && given !== null && typeof given !== 'string') throw new TypeError('notify takes the id of a run as its fourth argument');
    const run = given ? runId(given) : null;
    const reached = await perform(host.notify(stepName(step), String(event), run, 'application/json', json(data)));
    return { eventId: String(event), eventData: data, notifyResponse: notifyResponse(reached) };
  }

  /** Starts a run of a workflow, and waits until it has ended. */
  async invoke(step, settings) {
    const name = stepName(step);
    const run = await this.#start(name, 'invoke', settings, null);
    const ended = await perform(host.waitForRun(name, run, null));
    const failure = ended?.failed && { code: ended.failed.code, message: ended.failed.message };
    const body = ended?.completed ? value(ended.completed) : undefined;
    const result = { body, isFailed: Boolean(failure), isCanceled: Boolean(ended && 'cancelled' in ended) };
    return failure ? { ...result, failure } : result;
  }

  #start(name, what, settings, whenParentEnds) {
    remark(what, settings, INVOKE, INVOKE_IGNORED);
    const { target, contentType } = addressOf(settings.workflow, this.#run.workflow);
    const options = { ...startSettings(settings), whenParentEnds };
    return perform(host.startRun(name, target, contentType, json(settings.body), options));
  }

  /** Cancels this run. */
  cancel() {
    // The run ends before the outcome is known.
    host.cancelRun('cancel', host.currentRun().id, {}).catch(() => {});
    return new Promise(() => {});
  }

  /** Calls services whose addresses and headers are known. */
  get api() { return apiOf(this); }

  get qstashClient() { throw new WorkflowError('context.qstashClient is not available: there is no QStash here; use context.call, or `new Client()` of the SDK'); }

  setLabel(label) { host.setLabel(String(label)); }

  /** Continues this run as a new generation, with another input. */
  continueAsNew(input, { keep = [], onCurrentVersion = false } = {}) {
    host.continueAsNew('application/json', json(input), keep.map((webhook) => webhook.eventId ?? webhook), onCurrentVersion);
  }

  keptWebhooks() { return host.keptWebhooks().map((kept) => ({ step: kept.step, webhookUrl: kept.url, eventId: kept.id })); }

  /** Waits until somebody asks this run to cancel, and returns the reason. */
  async waitForCancel(step, timeout) { return (await perform(host.waitForCancel(stepName(step), millis(timeout)))) ?? undefined; }
}

const CALL = ['url', 'method', 'headers', 'body', 'retries', 'retryDelay', 'timeout', 'signal'];
const CALL_IGNORED = { flowControl: "limit calls by the host's settings", workflow: '', stringifyBody: '' };

const INVOKE = ['workflow', 'body', 'headers', 'label', 'timeout'];
const OWN_RETRIES = 'the workflow that is started has its own, which are given to its `serve` or `createWorkflow`';
const INVOKE_IGNORED = {
  workflowRunId: 'the host names runs', retries: OWN_RETRIES, retryDelay: OWN_RETRIES, flowControl: "limit runs by the host's settings",
  url: '', method: '', stringifyBody: '',
};

/** The classes whose values, as a body, have a content type of their own. */
const TYPED_BODIES = ['URLSearchParams', 'FormData', 'Blob'];

/** Returns the body of a call. A value that can be a body is sent as it is, and any other value as JSON. */
function callBody(name, body) {
  if (body === undefined || body === null) return {};
  if (TYPED_BODIES.some((kind) => body instanceof globalThis[kind])) return { body };
  if (body instanceof globalThis.ReadableStream) throw new WorkflowError(`the call ${JSON.stringify(name)} was given a stream as its body; read it first, and give its text or bytes`);
  const isSentAsItIs = typeof body === 'string' || body instanceof ArrayBuffer || ArrayBuffer.isView(body);
  return { body: isSentAsItIs ? body : JSON.stringify(body), type: 'application/json' };
}

/** Makes the request that the host sends. */
function callRequest(name, settings) {
  const method = String(settings.method ?? 'GET').toUpperCase();
  const { body, type } = callBody(name, settings.body);
  if (body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new WorkflowError(`the call ${JSON.stringify(name)} has a body, and a request by ${method} has none (RFC 9110, section 9.3.1); give it another \`method\`, such as "POST", or no \`body\``);
  }
  const headers = new Headers(settings.headers);
  const hasType = headers.has('content-type');
  const sent = new Request(settings.url, { method: settings.method, headers, body });
  if (type && !hasType) sent.headers.set('content-type', type);
  return { method: sent.method, url: sent.url, headers: sentHeaders(sent.headers), body: bytesOf(sent) };
}

const DONE = Promise.resolve();

/** Returns whether an answer has neither headers nor a body. Most answers have neither, and need no `Response`. */
const isPlain = (response) => response && !(response instanceof Response) && !response.headers && (response.body === undefined || response.body === null);

/** Returns the result of a wait for a webhook. After a timeout, the host calls it without arguments. */
function taken(id, text, body) {
  return id === undefined ? { timeout: true, request: undefined } : { timeout: false, request: received(text, body), id };
}

/** Returns a list with one element for each wait that was reached, in the shape that Upstash Workflow uses. */
export const notifyResponse = (reached) => Array.from({ length: reached }, () => ({ waiter: { url: '' }, messageId: '', error: '' }));

const resultOf = (step) => `the result of the step ${JSON.stringify(step)}`;

/** Records the result of a step. The program gets the result after its conversion to JSON and back, also in the first execution. */
function record(name, given) {
  const body = json(given, resultOf(name));
  const before = host.beginStep(name);
  if (!before) host.finishStep(name, 'application/json', body);
  else if (before.ok && globalThis.TextDecoder && host.decode(before.ok.body, false) !== host.decode(body, false)) {
    throw new WorkflowError(`the step ${JSON.stringify(name)} gave another value than before: what it does must depend on nothing but what the run was given`);
  }
  return value({ body });
}

function called(outcome) {
  if (outcome.error) throw Object.assign(new WorkflowError(outcome.error.message), { code: outcome.error.kind });
  const header = {};
  for (const [name, text] of receivedFields(outcome.ok.headers)) (header[name.toLowerCase()] ??= []).push(text);
  const headers = new Proxy(header, { get: (fields, name) => (typeof name === 'string' ? fields[name.toLowerCase()] : fields[name]) });
  let body = textOf(outcome.ok.body);
  try {
    body = parseJson(body);
  } catch {
    // The message is the text itself.
  }
  return { status: outcome.ok.status, body, header: headers, headers };
}

const WEBHOOK_OPTIONS = ['methods', 'provider', 'secrets', 'settings', 'handshake', 'description', 'tolerance', 'cors', 'reply', 'replyWithin'];

/** Returns a list. A text stands for a list of one element. */
const list = (given) => [given ?? []].flat();

function webhookOptions(given) {
  const unknown = Object.keys(given).find((name) => !WEBHOOK_OPTIONS.includes(name));
  if (unknown) throw new TypeError(`createWebhook has no option ${JSON.stringify(unknown)}; it has ${WEBHOOK_OPTIONS.join(', ')}`);
  const { methods, provider, settings, handshake, description, tolerance, cors, reply, replyWithin } = given;
  const secrets = list(given.secrets);
  if (secrets.length && !provider) throw new TypeError('createWebhook: `secrets` are those of a `provider`, which was not given');
  if (settings && !secrets.length) throw new TypeError('createWebhook: `settings` are those of a signature, which is checked by `secrets`, and none were given');
  const options = { methods: list(methods), handshake: handshake ?? provider ?? null, settings: [] };
  if (secrets.length) options.signature = { scheme: provider, secrets, settings: Object.entries(settings ?? {}) };
  if (description) options.settings.push(['description', String(description)]);
  if (tolerance !== undefined && tolerance !== null) options.settings.push(['tolerance', String(span(tolerance))]);
  for (const origin of list(cors)) options.settings.push(['cors', String(origin)]);
  if (replyWithin !== undefined) options.within = span(replyWithin);
  else if (reply) {
    const answer = reply instanceof Response ? reply : new Response(reply.body, reply);
    options.fixed = { status: answer.status, headers: fieldsOf(answer), body: bytesOf(answer) };
  }
  return options;
}

