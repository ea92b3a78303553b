// The run for the failure of another: it calls the failureFunction of the workflow that failed.

import { WorkflowContext } from 'dormouse:context';
import { WorkflowError } from 'dormouse:errors';
import { inputOf } from 'dormouse:input';
import { pick } from 'dormouse:registry';
import { value } from 'dormouse:payload';

const host = globalThis.__dormouse;

/** When a run was started, which its id begins with. */
const startedOf = (id) => Number.parseInt(id.replace(/-/g, '').slice(0, 12), 16);

/** The stack that a failure's message ends with. */
const STACK = /\n\s+at [^]*$/;

/** What the failed run was given. That it is not as it must be may be why it has failed. */
function inputOfFailed(told, options) {
  const payload = { body: host.encode(told.input ?? '') };
  try {
    return inputOf(payload, options);
  } catch {
    return value(payload);
  }
}

/** Calls the failureFunction of a workflow with what its run has left. */
export async function failureOf(own, payload) {
  const told = value(payload);
  if (typeof told?.run !== 'string' || typeof told.failure?.message !== 'string') {
    throw new WorkflowError(`${own.workflow} is started by the host when a run has failed, and was given something else`);
  }
  const { options } = pick(told.workflow, told.content_type ?? '');
  if (!options.failureFunction) return undefined;
  const run = { ...own, id: told.run, workflow: told.workflow, version: told.version, started: startedOf(told.run) };
  const context = new WorkflowContext(run, inputOfFailed(told, options), options);
  const { message } = told.failure;
  const failStack = message.match(STACK)?.[0].trimStart() ?? '';
  const failResponse = message.replace(STACK, '');
  return options.failureFunction({ context, failStatus: 500, failResponse, failHeaders: {}, failStack });
}
