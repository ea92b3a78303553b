// The module that workflows import: `serve`, and the context that their functions are given.

import { Headers, Request, Response, bytesOf, callOnce, parseJson, readBody, received, receivedFields, sentHeaders } from 'dormouse:fetch';
import { perform, span, stepName } from 'dormouse:operations';
import { textOf } from 'dormouse:bytes';

const host = globalThis.__dormouse;

/** What was given to `serve` and `serveMany`, by name. The one of `serve` has the name ''. */
const workflows = new Map();

const DEFAULT_EVENT_WAIT = 7 * 864e5;

/** Between the tries of a step, as Upstash Workflow has it. */
const STEP_DELAYS = [12e3, 150e3, 18e5];

export class WorkflowError extends Error {
  constructor(message) {
    super(message);
    this.name = 'WorkflowError';
  }
}

export class WorkflowNonRetryableError extends WorkflowError {
  constructor(message = 'the workflow is not to be tried again') {
    super(message);
    this.name = 'WorkflowNonRetryableError';
  }
}

export class WorkflowRetryAfterError extends WorkflowError {
  constructor(message, retryAfter) {
    super(message);
    this.name = 'WorkflowRetryAfterError';
    this.retryAfter = retryAfter;
  }
}

/** A value as JSON, and nothing for one that JSON has nothing for: a function and a symbol are as `undefined`. */
function json(value, what = 'the value') {
  try {
    return host.encode(JSON.stringify(value) ?? '');
  } catch (error) {
    if (error instanceof Error) error.message = `${what} cannot be made JSON: ${error.message}`;
    throw error;
  }
}

const resultOf = (step) => `the result of the step ${JSON.stringify(step)}`;

/** The value of a payload: nothing, JSON, or the text itself. */
function value({ body }) {
  const text = textOf(body);
  if (text === '') return undefined;
  try {
    return parseJson(text);
  } catch (error) {
    if (error.code) throw error;
    return text;
  }
}

const millis = (given) => (given === undefined || given === null ? null : span(given));

const HIDDEN = new Set(['authorization', 'cookie']);

class WorkflowHeaders extends Headers {
  get(name) {
    if (HIDDEN.has(String(name).toLowerCase())) {
      host.log('warn', `the header ${name} of the request that started this run is not kept; check callers with the host's API token or a trigger's signature`);
    }
    return super.get(name);
  }
}

/** What an expression of `retryDelay` may call. */
const DELAY_FUNCTIONS = ['pow', 'sqrt', 'abs', 'exp', 'floor', 'ceil', 'round', 'min', 'max'];

/** Milliseconds before the next try: a number, a span such as "2s", or an expression such as "pow(2, retried) * 1000". */
function retryDelay(given, retried) {
  if (typeof given === 'number' && given >= 0) return given;
  const text = String(given).trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  if (/^\d+(\.\d+)?\s*(ms|s|m|h|d|w|y)$/.test(text)) return span(text);
  const names = text.match(/[a-z_]\w*/gi) ?? [];
  const isKnown = names.every((name) => name === 'retried' || DELAY_FUNCTIONS.includes(name));
  if (isKnown && /^[\w\s+\-*/%().,]+$/.test(text)) {
    try {
      const evaluate = new Function('retried', ...DELAY_FUNCTIONS, `return (${text});`);
      const delay = evaluate(retried, ...DELAY_FUNCTIONS.map((name) => Math[name]));
      if (Number.isFinite(delay) && delay >= 0) return Math.floor(delay);
    } catch {
      // What is no expression is told below.
    }
  }
  throw new WorkflowError(`retryDelay: ${JSON.stringify(given)} is no delay; give milliseconds, a span such as "2s", or an expression of \`retried\` such as "pow(2, retried) * 1000"`);
}

class WorkflowContext {
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

  /** Runs a function, again when it fails, and keeps what it gave. */
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

  /** A computation whose result is kept, and which is skipped when the run is rebuilt. It may ask for nothing outside. */
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
    if (!Number.isFinite(instant)) throw new WorkflowError(`${String(time)} is no point in time; give a Date, a text that Date.parse reads, or seconds since 1970`);
    await perform(host.sleepUntil(stepName(step), instant), signal);
  }

  async call(step, settings) {
    if (settings.workflow) {
      const { body, isFailed } = await this.invoke(step, settings);
      return { status: isFailed ? 500 : 200, body, header: {}, headers: {} };
    }
    const headers = new Headers(settings.headers);
    const isText = typeof settings.body === 'string';
    const isBytes = settings.body instanceof ArrayBuffer || ArrayBuffer.isView(settings.body);
    const sent = new Request(settings.url, {
      method: settings.method ?? 'GET',
      headers,
      body: settings.body === undefined ? undefined : isText || isBytes ? settings.body : JSON.stringify(settings.body),
    });
    if (settings.body !== undefined && !headers.has('content-type')) sent.headers.set('content-type', 'application/json');
    const request = { method: sent.method, url: sent.url, headers: sentHeaders(sent.headers), body: bytesOf(sent) };
    const options = { timeout: millis(settings.timeout), redirects: 0 };
    const name = stepName(step);
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

  async waitForWebhook(step, webhook, timeout, options) {
    const delivery = await perform(host.waitForWebhook(stepName(step), webhook.eventId, millis(timeout)), options?.signal);
    if (!delivery) return { timeout: true, request: undefined };
    const { id, request } = received(delivery);
    return { timeout: false, request, id };
  }

  /** Answers the caller of a webhook that was created with `reply`. */
  async respond(step, delivery, response) {
    const given = response instanceof Response ? response : new Response(response?.body, response);
    await readBody(given);
    host.respond(stepName(step), delivery.id ?? delivery, { status: given.status, headers: [...given.headers], body: bytesOf(given) });
  }

  async closeWebhook(step, webhook) { host.closeWebhook(stepName(step), webhook.eventId); }

  async waitForEvent(step, event, { timeout, signal } = {}) {
    const wait = timeout === undefined ? DEFAULT_EVENT_WAIT : span(timeout);
    const payload = await perform(host.waitForEvent(stepName(step), String(event), wait), signal);
    return payload ? { eventData: value(payload), timeout: false } : { eventData: undefined, timeout: true };
  }

  async notify(step, event, data, { workflowRunId } = {}) {
    const run = workflowRunId === undefined ? null : String(workflowRunId).replace(/^wfr_/, '');
    const reached = await perform(host.notify(stepName(step), String(event), run, 'application/json', json(data)));
    const notifyResponse = Array.from({ length: reached }, () => ({ waiter: { url: '' }, messageId: '', error: '' }));
    return { eventId: String(event), eventData: data, notifyResponse };
  }

  async invoke(step, { workflow, body, timeout }) {
    const name = stepName(step);
    const target = typeof workflow === 'string' ? workflow : nameOf(workflow, this.#run.workflow);
    const run = await perform(host.startRun(name, target, 'application/json', json(body), { timeout: millis(timeout) }));
    const ended = await perform(host.waitForRun(name, run, null));
    const output = ended?.completed ? value(ended.completed) : ended?.failed?.message;
    return { body: output, isFailed: Boolean(ended?.failed), isCanceled: Boolean(ended && 'cancelled' in ended) };
  }

  /** Cancels this run. */
  cancel() {
    host.cancelRun('cancel', this.#run.id, {});
    return new Promise(() => {});
  }

  setLabel(label) { host.setLabel(String(label)); }

  /** Begins this run anew, with another input. */
  continueAsNew(input, { keep = [], onCurrentVersion = false } = {}) {
    host.continueAsNew('application/json', json(input), keep.map((webhook) => webhook.eventId ?? webhook), onCurrentVersion);
  }

  keptWebhooks() { return host.keptWebhooks().map((kept) => ({ step: kept.step, webhookUrl: kept.url, eventId: kept.id })); }

  /** The reason, once somebody asks this run to cancel. */
  async waitForCancel(step, timeout) { return (await perform(host.waitForCancel(stepName(step), millis(timeout)))) ?? undefined; }
}

/** Records what a step gave. The program gets what JSON makes of it, live and when the run is rebuilt. */
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
    // It is the text.
  }
  return { status: outcome.ok.status, body, header: headers, headers };
}

const WEBHOOK_OPTIONS = ['methods', 'provider', 'secrets', 'settings', 'handshake', 'description', 'tolerance', 'cors', 'reply', 'replyWithin'];

/** A list, or one text for a list of one. */
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
    options.fixed = { status: answer.status, headers: [...answer.headers], body: bytesOf(answer) };
  }
  return options;
}

/** A workflow that others invoke. */
export function createWorkflow(run, options = {}) {
  return { run, options, workflowId: options.workflowId };
}

function nameOf(workflow, own) {
  for (const [name, other] of workflows) {
    if (other.run === workflow.run) return name ? own.replace(/-[^-]*$/, `-${name}`) : own;
  }
  if (workflow.workflowId) return workflow.workflowId;
  throw new WorkflowError('the workflow that is to be invoked was not given to serveMany; name it by a text instead');
}

function register(name, run, options) {
  if (typeof run !== 'function') throw new TypeError('serve was given no function; give it the async function that is the workflow');
  if (workflows.has(name)) throw new Error('serve was called twice; give several workflows to serveMany({ name: createWorkflow(…) })');
  workflows.set(name, { run, options: options ?? {} });
}

const handler = async () => new Response('this workflow is run by Dormouse, and started through its API', { status: 501 });

/** What frameworks take: Express and others a function, Next.js the functions of each method. */
const handlers = () => Object.assign(() => handler(), { POST: handler, GET: handler, handler, fetch: handler });

export function serve(run, options) {
  register('', run, options);
  return handlers();
}

export function serveMany(all, options) {
  for (const [name, workflow] of Object.entries(all)) register(name, workflow.run, { ...options, ...workflow.options });
  return handlers();
}

export const registered = () => JSON.stringify([...workflows.keys()]);

/** Begins the run. */
export function start(contentType, body) {
  const run = host.currentRun();
  const workflow = workflows.get('') ?? workflows.get([...workflows.keys()].find((name) => run.workflow.endsWith(`-${name}`)));
  if (!workflow) throw new Error('this module has no workflow; give a function to serve');
  execute(run, workflow, { contentType, body })
    .then((result) => {
      const output = json(result, 'what the workflow returned');
      host.complete(output.length ? 'application/json' : '', output);
    })
    .catch(host.fail);
}

/**
 * Does what most runs do, at deployment. The engine makes much of what it has when it is first asked for; what is made here
 * is shared by all runs, and each run would make it anew.
 */
export function warmUp() {
  const body = host.encode('{"a":["b",1.5,null]}');
  const run = async (context) => {
    context.headers.get('b');
    stepName('c');
    const { request } = received(await delivery);
    request.headers.get('b');
    new globalThis.URL(request.url).searchParams.get('d');
    return { text: await request.clone().text(), value: await request.json() };
  };
  const fields = 'b\nc\n';
  let deliver;
  const delivery = new Promise((resolve) => { deliver = resolve; });
  execute({ id: '', workflow: '', version: '', started: 0, headers: fields }, { run, options: { env: {} } }, { body }).then(json);
  deliver({ text: `\nPOST\nhttp://a/b?d=e\n${fields}`, body });
}

async function execute(run, { run: workflow, options }, payload) {
  const { initialPayloadParser: parse, schema } = options;
  let input = parse ? parse(host.decode(payload.body, false)) : value(payload);
  if (schema) input = schema.parse(input);
  return workflow(new WorkflowContext(run, input, options));
}

export { WorkflowContext };
