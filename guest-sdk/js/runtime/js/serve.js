// `serve`, and the execution of a run from its input to its result.

import { Response, received } from 'dormouse:fetch';
import { WorkflowContext } from 'dormouse:context';
import { create, pick, takeMany, takeOne } from 'dormouse:registry';
import { failureOf } from 'dormouse:failed';
import { inputOf } from 'dormouse:input';
import { json } from 'dormouse:payload';
import { stepName } from 'dormouse:operations';
import { watch } from 'dormouse:middleware';

const host = globalThis.__dormouse;

const answer = async () => new Response('this workflow is run by Dormouse, and started through its API', { status: 501 });

/** The object that programs give to their web framework. Each framework uses another member of it; some use it as a function. */
const handlers = () => Object.assign(async () => answer(), { POST: answer, GET: answer, handler: answer, fetch: answer });

export function serve(run, options) {
  takeOne(run, options);
  return handlers();
}

export function serveMany(all, options) {
  takeMany(all, options);
  return handlers();
}

export const createWorkflow = create;

/** Executes the run. */
export function start(contentType, body) {
  const run = host.currentRun();
  const workflow = pick(run.workflow, contentType);
  const execution = workflow.failed ? failureOf(run, { body }) : execute(run, workflow, { contentType, body });
  execution
    .then((result) => {
      const output = json(result, 'what the workflow returned');
      host.complete(output.length ? 'application/json' : '', output);
    })
    .catch(host.fail);
}

/**
 * Does at deployment what most runs do first. The engine makes many of its functions when they are first used. Those that are made
 * here are shared by all runs; otherwise each run would make its own.
 */
export function warmUp() {
  const body = host.encode('{"a":["b",1.5,null]}');
  const run = async (context) => {
    context.headers.get('b');
    stepName('c');
    const request = received(...await delivery);
    request.headers.get('b');
    new globalThis.URL(request.url).searchParams.get('d');
    return { text: await request.clone().text(), value: await request.json() };
  };
  const fields = 'b\nc\n';
  let deliver;
  const delivery = new Promise((resolve) => { deliver = resolve; });
  execute({ id: '', workflow: '', version: '', started: 0, headers: fields }, { run, options: { env: {} } }, { body }).then(json);
  deliver([`POST\nhttp://a/b?d=e\n${fields}`, body.buffer]);
}

async function execute(run, { run: workflow, options }, payload) {
  const context = new WorkflowContext(run, inputOf(payload, options), options);
  return options.middlewares?.length ? watch(context, workflow, options.middlewares) : workflow(context);
}
