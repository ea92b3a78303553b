// A run that was started because another run failed. It calls the failureFunction of the workflow of the failed run.

import { WorkflowContext } from 'dormouse:context';
import { WorkflowError } from 'dormouse:errors';
import { inputOf } from 'dormouse:input';
import { pick } from 'dormouse:registry';
import { value } from 'dormouse:payload';

const host = globalThis.__dormouse;

/** Returns the time at which a run was started, in milliseconds since 1970. The id of a run begins with it. */
const startedOf = (id) => Number.parseInt(id.replace(/-/g, '').slice(0, 12), 16);

/** Matches the stack at the end of a failure's message. */
const STACK = /\n\s+at [^]*$/;

/** Returns the input of the failed run. An input that the options refuse is returned unchecked: it may be the reason of the failure. */
function inputOfFailed(told, options) {
  const payload = { body: host.encode(told.input ?? '') };
  try {
    return inputOf(payload, options);
  } catch {
    return value(payload);
  }
}

/** Calls the failureFunction of a workflow with the data of its failed run. */
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
