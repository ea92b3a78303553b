// The errors of the SDK. Their classes have the names of those of Upstash Workflow.

export class WorkflowError extends Error {
  constructor(message) {
    super(message);
    this.name = 'WorkflowError';
  }
}

/** Upstash Workflow throws this to end an execution after a step. This runtime never throws it, but programs test for the class. */
export class WorkflowAbort extends Error {
  constructor(stepName, stepInfo) {
    super(`the execution ends after the step ${JSON.stringify(stepName)}`);
    this.name = 'WorkflowAbort';
    this.stepName = stepName;
    this.stepInfo = stepInfo;
  }
}

export class WorkflowNonRetryableError extends WorkflowAbort {
  constructor(message = 'the workflow is not to be tried again') {
    super('non-retryable-error');
    this.name = 'WorkflowNonRetryableError';
    this.message = message;
  }
}

export class WorkflowRetryAfterError extends WorkflowAbort {
  constructor(message, retryAfter) {
    super('retry-after-error');
    this.name = 'WorkflowRetryAfterError';
    this.message = message;
    this.retryAfter = retryAfter;
  }
}
