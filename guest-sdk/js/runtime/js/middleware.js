// Middlewares: functions that are called for a run's steps, in the first execution and in each replay.

import { WorkflowError } from 'dormouse:errors';
import { listen } from 'dormouse:settings';

export class WorkflowMiddleware {
  #init; #callbacks;
  constructor({ name, init, callbacks }) {
    this.name = name;
    this.#init = init;
    this.#callbacks = callbacks;
  }
  /** Calls the function that makes the callbacks, if there is one. */
  async ensureInit() {
    if (this.#callbacks) return;
    if (!this.#init) throw new WorkflowError(`the middleware ${JSON.stringify(this.name)} has neither \`callbacks\` nor \`init\``);
    this.#callbacks = await this.#init();
  }
  getCallback(name) { return this.#callbacks?.[name]; }
}

/** Makes a callback that writes a line to the log. */
const logs = (what) => ({ context, ...rest }) => console.log(what, { workflowRunId: context.workflowRunId, ...rest });

export const loggingMiddleware = new WorkflowMiddleware({
  name: 'logging',
  callbacks: {
    beforeExecution: logs('a step begins'), afterExecution: logs('a step has ended'),
    runStarted: logs('the run has started'), runCompleted: logs('the run has completed'),
    onError: ({ error }) => console.error(error), onInfo: ({ info }) => console.info(info),
  },
});

/** Calls all callbacks of this name. If one throws, the `onError` of its middleware is called, and nothing else changes. */
async function tell(middlewares, name, given) {
  await Promise.all(middlewares.map((middleware) => middleware.ensureInit()));
  await Promise.all(middlewares.map(async (middleware) => {
    try {
      await middleware.getCallback(name)?.(given);
    } catch (error) {
      const onError = name === 'onError' ? undefined : middleware.getCallback('onError');
      try {
        if (!onError) throw error;
        await onError({ workflowRunId: given.workflowRunId ?? given.context.workflowRunId, error });
      } catch (left) {
        console.error(`the middleware ${JSON.stringify(middleware.name)} failed in ${name}:`, left);
      }
    }
  }));
}

/** The methods of the context that are steps. */
const STEPS = [
  'run', 'compute', 'call', 'sleep', 'sleepUntil', 'createWebhook', 'waitForWebhook', 'respond', 'closeWebhook', 'waitForEvent',
  'notify', 'invoke', 'waitForCancel',
];

/** Executes a workflow, and calls its middlewares for each step. */
export async function watch(context, workflow, middlewares) {
  const wrong = middlewares.find((middleware) => !(middleware instanceof WorkflowMiddleware));
  if (wrong !== undefined) throw new TypeError('`middlewares` has an element that is not a WorkflowMiddleware; make it with `new WorkflowMiddleware({ name, callbacks })`');
  const { workflowRunId } = context;
  listen((warning) => void tell(middlewares, 'onWarning', { workflowRunId, warning }));
  for (const name of STEPS) {
    const method = context[name];
    const watched = async (stepName, ...rest) => {
      await tell(middlewares, 'beforeExecution', { context, stepName });
      const result = await method.call(context, stepName, ...rest);
      await tell(middlewares, 'afterExecution', { context, stepName, result });
      return result;
    };
    Object.defineProperty(context, name, { value: watched, configurable: true });
  }
  await tell(middlewares, 'runStarted', { context });
  try {
    const result = await workflow(context);
    await tell(middlewares, 'runCompleted', { context, result });
    return result;
  } catch (error) {
    await tell(middlewares, 'onError', { workflowRunId, error });
    throw error;
  }
}
