// The errors of the SDK, of the classes that Upstash Workflow has.

export class WorkflowError extends Error {
  constructor(message) {
    super(message);
    this.name = 'WorkflowError';
  }
}

/** What Upstash Workflow throws to end an execution after a step. Nothing is thrown for that here; programs ask for the class. */
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
