// The module of the SDK that workflows import. It has the exports of `@upstash/workflow` and its parts, and no others.

export { Client } from 'dormouse:client';
export { WorkflowContext } from 'dormouse:context';
export { WorkflowAbort, WorkflowError, WorkflowNonRetryableError, WorkflowRetryAfterError } from 'dormouse:errors';
export { WorkflowMiddleware, loggingMiddleware } from 'dormouse:middleware';
export {
  createWorkflow, createWorkflow as createWorkflowPagesRouter,
  serve, serve as servePagesRouter,
  serveMany, serveMany as serveManyPagesRouter,
} from 'dormouse:serve';

/** The names of the kinds of steps in Upstash Workflow. */
export const StepTypes = ['Initial', 'Run', 'SleepFor', 'SleepUntil', 'Call', 'Wait', 'Notify', 'Invoke', 'CreateWebhook', 'WaitForWebhook'];
