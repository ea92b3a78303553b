// The module that workflows import, under each name that it has: what `@upstash/workflow` and its parts export, and nothing else.

export { Client } from 'dormouse:client';
export { WorkflowContext } from 'dormouse:context';
export { WorkflowAbort, WorkflowError, WorkflowNonRetryableError, WorkflowRetryAfterError } from 'dormouse:errors';
export { WorkflowMiddleware, loggingMiddleware } from 'dormouse:middleware';
export {
  createWorkflow, createWorkflow as createWorkflowPagesRouter,
  serve, serve as servePagesRouter,
  serveMany, serveMany as serveManyPagesRouter,
} from 'dormouse:serve';

/** What Upstash Workflow calls the kinds of its steps. */
export const StepTypes = ['Initial', 'Run', 'SleepFor', 'SleepUntil', 'Call', 'Wait', 'Notify', 'Invoke', 'CreateWebhook', 'WaitForWebhook'];
