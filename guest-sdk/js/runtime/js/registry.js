// The workflows that a file registers with `serve`, `serveMany` and `createWorkflow`, and the names by which they are started.

import { remarks } from 'dormouse:settings';

/** The workflows of `serve` and `serveMany`, by name. The workflow of `serve` has the name ''. */
const served = new Map();

/** The workflows of `createWorkflow`, in the order of the calls. */
const created = [];

/** Notes about options, for the author who deploys the file. */
const notes = [];

const OBEYED = ['schema', 'initialPayloadParser', 'failureFunction', 'retries', 'retryDelay', 'env', 'middlewares'];

const HOST = 'the host starts runs, and knows where they are';
const LIMITS = "limit runs by the host's settings";

/** Options that have no effect, each with what to use instead. */
const IGNORED = {
  url: HOST, baseUrl: HOST, useJSONContent: '', workflowId: '',
  receiver: "the host checks callers: by its API token, or by a trigger's signature", qstashClient: HOST,
  verbose: 'see the journal of a run, or give `middlewares: [loggingMiddleware]`', disableTelemetry: 'there is no telemetry',
  flowControl: LIMITS, failureUrl: 'give a failureFunction, or name a workflow by `dormouse workflows set NAME --on-failure OTHER`',
};

/** The suffix of a workflow's name that makes the name of the workflow for its failures. */
const FAILED = '-failed';

/** Converts a name to the form of workflow names: `workflowOne` becomes `workflow-one`. */
function kebab(name) {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1-$2').toLowerCase();
  return words.replace(/[^a-z0-9_]+/g, '-').replace(/^-+|-+$/g, '');
}

const several = 'give several workflows to serveMany: `serveMany({ one: createWorkflow(async (context) => { … }), two: createWorkflow(async (context) => { … }) })`';

/** Registers a workflow. */
function register(what, name, run, given) {
  const options = given ?? {};
  if (typeof run !== 'function') throw new TypeError(`${what} was given no function; give it the async function that is the workflow`);
  if (typeof options !== 'object') throw new TypeError(`the options of ${what} are not an object`);
  if (served.has(name)) {
    throw new Error(name ? `two workflows of serveMany have the name ${JSON.stringify(name)}; name them differently` : `serve was called twice; ${several}`);
  }
  if (served.size && (name === '' || served.has(''))) throw new Error(`serve and serveMany were both called; ${several}`);
  if (options.failureFunction !== undefined && typeof options.failureFunction !== 'function') throw new TypeError(`the failureFunction of ${what} is not a function`);
  if (options.middlewares !== undefined && !Array.isArray(options.middlewares)) throw new TypeError(`the middlewares of ${what} are not an array`);
  for (const note of remarks(what, options, OBEYED, IGNORED)) if (!notes.includes(note)) notes.push(note);
  served.set(name, { name, run, options });
}

export function takeOne(run, options) { register('serve', '', run, options); }

export function takeMany(all, options) {
  for (const [key, workflow] of Object.entries(all ?? {})) {
    const name = kebab(key);
    if (!name) throw new Error(`${JSON.stringify(key)} is not a valid name of a workflow; a name has letters and digits`);
    if (typeof workflow?.routeFunction !== 'function') throw new TypeError(`serveMany was given ${JSON.stringify(key)}, which is not a workflow; give it what createWorkflow returns`);
    register('serveMany', name, workflow.routeFunction, { ...options, ...workflow.options });
    workflow.workflowId = key;
  }
  if (!served.size) throw new Error(`serveMany was given no workflow; ${several}`);
}

/** Registers a workflow that other workflows invoke. */
export function create(run, options = {}) {
  if (typeof run !== 'function') throw new TypeError('createWorkflow was given no function; give it the async function that is the workflow');
  const workflow = { routeFunction: run, options, workflowId: options.workflowId };
  created.push(workflow);
  return workflow;
}

/** Returns the report for deployment, as JSON: the names of `serveMany`, the names with a failureFunction, and the notes. */
export function registered() {
  if (!served.size) return '';
  const names = [...served.keys()];
  const isServed = (workflow) => [...served.values()].some((one) => one.run === workflow.routeFunction);
  if (created.some((workflow) => workflow.options.failureFunction && !isServed(workflow))) {
    notes.push('the failureFunction of createWorkflow is called for a workflow of serveMany, and one was not given to it');
  }
  return JSON.stringify({ workflows: names, failures: names.filter((name) => served.get(name).options.failureFunction), notes });
}

/** Finds the workflow that a run executes, and whether its failureFunction is called instead. */
export function pick(workflow, contentType) {
  // Most files have one workflow, and every run executes this line. It uses no function that the engine would make at its first use.
  const only = served.get('');
  if (only && !created.length && !only.options.failureFunction) return only;
  const alone = created.length ? created[/; workflow=(\d+)$/.exec(contentType)?.[1]] : undefined;
  if (alone) return { run: alone.routeFunction, options: alone.options, failed: false };
  let found;
  for (const one of served.values()) {
    const ends = one.name && `-${one.name}`;
    const failed = Boolean(one.options.failureFunction) && workflow.endsWith(ends + FAILED);
    if (!failed && !workflow.endsWith(ends)) continue;
    if (!found || one.name.length > found.name.length) found = { ...one, failed };
  }
  if (found) return found;
  const names = [...served.keys()].map((name) => `NAME-${name}`);
  throw new Error(`this file has the workflows ${names.join(', ')}, and none of the name ${workflow}; start one of those`);
}

/** Returns the name of the workflow that `invoke` starts, and the content type of its input. */
export function addressOf(workflow, own) {
  const contentType = 'application/json';
  if (typeof workflow === 'string') return { target: workflow, contentType };
  if (typeof workflow?.routeFunction !== 'function') throw new TypeError('`workflow` is not a workflow; give the name of one, or what createWorkflow returns');
  for (const one of served.values()) {
    if (one.run !== workflow.routeFunction) continue;
    const base = baseOf(own);
    return { target: one.name ? `${base}-${one.name}` : base, contentType };
  }
  if (workflow.options.workflowId) return { target: workflow.options.workflowId, contentType };
  return { target: own, contentType: `${contentType}; workflow=${created.indexOf(workflow)}` };
}

/** Returns the name under which the file was deployed. */
function baseOf(own) {
  const ends = [...served.keys()].filter((name) => name && own.endsWith(`-${name}`)).sort((a, b) => b.length - a.length);
  return ends.length ? own.slice(0, -ends[0].length - 1) : own;
}
