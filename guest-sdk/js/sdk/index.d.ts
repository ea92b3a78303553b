// The types of workflows in TypeScript. The host brings the module itself.

/** A span of time: a number of seconds, or a text such as `"10s"`, `"5m"`, `"2h"`, `"7d"`, `"1mo"`. */
export type Span = number | string;

export interface Webhook {
  /** What to hand to whoever is to call. Whoever knows it can call it. */
  webhookUrl: string;
  /** What to wait with. */
  eventId: string;
}

export interface WebhookOptions {
  /** The methods that are delivered: POST, PUT, PATCH and DELETE if there are none here. */
  methods?: string | string[];
  /**
   * The provider whose requests are taken, such as `"stripe"`. The host checks its signature by the `secrets`, and answers
   * its probe.
   */
  provider?: string;
  /** Names of secrets that the host holds, any of which may match. A provider that does not sign needs none. */
  secrets?: string | string[];
  /** What the check of the provider's signature needs besides the secrets. */
  settings?: Record<string, string>;
  /** The provider whose probe the host answers, if it is another than `provider`, or if nothing is signed. */
  handshake?: string;
  /** A description, as TOML, of a provider that the host does not know. `provider` names it. */
  description?: string;
  /** How far the time in a signature may be from the host's. */
  tolerance?: Span;
  /** The origins whose pages may send requests from a browser. */
  cors?: string | string[];
  /** What every caller is answered. */
  reply?: Response | { status?: number; headers?: HeadersInit; body?: BodyInit | null };
  /** The caller waits so long for `respond`. */
  replyWithin?: Span;
}

export type Delivery = { timeout: false; request: Request; id: string } | { timeout: true; request: undefined };

export interface CallSettings {
  url: string;
  method?: string;
  headers?: HeadersInit;
  /** A text, bytes, a blob and a form go as they are, anything else as JSON. */
  body?: unknown;
  /** How often a response without a status of 200 to 299 is asked for again. */
  retries?: number;
  /** Milliseconds between two tries, a span such as `"2s"`, or an expression of `retried` such as `"pow(2, retried) * 1000"`. */
  retryDelay?: number | string;
  timeout?: Span;
  signal?: AbortSignal;
}

export interface CallResponse<Body = unknown> {
  status: number;
  /** The value, if the body is JSON; else the text. */
  body: Body;
  /** All values of each header, by names in any case. */
  header: Record<string, string[]>;
  headers: Record<string, string[]>;
}

/** How another run is started. */
export interface StartSettings {
  /** The name of a workflow, or one that `createWorkflow` returned. */
  workflow: string | InvokableWorkflow<any, any>;
  body?: unknown;
  /** What the run reads as `context.headers`. */
  headers?: HeadersInit;
  /** A label `key:value` of the run. A text without a colon is the value of the label `label`. */
  label?: string;
  /** The run is asked to cancel when this has passed. */
  timeout?: Span;
}

/** Settings of a call of a service that is known. */
export interface ServiceSettings<Body = unknown> extends Omit<CallSettings, "url" | "body"> {
  /** The service's key, or the placeholder of a secret. */
  token: string;
  body: Body;
  /** The address of another service with the same API. */
  baseURL?: string;
}

export interface Services {
  readonly openai: {
    call<Result = any>(step: string, settings: ServiceSettings & { operation: "chat.completions.create"; organization?: string }): Promise<CallResponse<Result>>;
  };
  readonly anthropic: {
    call<Result = any>(step: string, settings: ServiceSettings & { operation: "messages.create" }): Promise<CallResponse<Result>>;
  };
  readonly resend: {
    /** With `batch`, the body is an array of mails. */
    call<Result = any>(step: string, settings: ServiceSettings & { batch?: boolean }): Promise<CallResponse<Result>>;
  };
}

export interface Waiting {
  signal?: AbortSignal;
}

export interface WorkflowContext<Input = unknown> {
  readonly requestPayload: Input;
  readonly headers: Headers;
  /** The label that the run was started with. */
  readonly label?: string;
  readonly url: string;
  /** Calls of services whose addresses and headers are known. */
  readonly api: Services;
  readonly env: Record<string, string | undefined>;
  readonly workflowRunId: string;
  readonly workflowName: string;
  /** Milliseconds since 1970. */
  readonly workflowRunCreatedAt: number;

  /** Runs a function, again when it fails, and records what it gave. */
  run<Result>(step: string, run: () => Promise<Result> | Result): Promise<Result>;
  /** A computation that is skipped when the run is rebuilt. It may ask for nothing outside. */
  compute<Result>(step: string, run: () => Result): Promise<Result>;
  call<Body = unknown>(step: string, settings: CallSettings): Promise<CallResponse<Body>>;
  /** Starts a run of another workflow, and does not wait for it. */
  call(step: string, settings: StartSettings): Promise<CallResponse<{ workflowRunId: string }>>;
  sleep(step: string, duration: Span, waiting?: Waiting): Promise<void>;
  sleepUntil(step: string, time: Date | string | number, waiting?: Waiting): Promise<void>;
  createWebhook(step: string, options?: WebhookOptions): Promise<Webhook>;
  waitForWebhook(step: string, webhook: Webhook, timeout?: Span, waiting?: Waiting): Promise<Delivery>;
  respond(step: string, delivery: { id: string } | string, response: Response | ResponseInit & { body?: BodyInit }): Promise<void>;
  closeWebhook(step: string, webhook: Webhook): Promise<void>;
  waitForEvent<Data = unknown>(
    step: string,
    event: string,
    options?: { timeout?: Span; signal?: AbortSignal } | Span,
  ): Promise<{ eventData: Data; timeout: false } | { eventData: undefined; timeout: true }>;
  /** Sends an event to all runs that wait for it, or to the one that is named. */
  notify(step: string, event: string, data?: unknown, run?: string | { workflowRunId?: string }): Promise<{ eventId: string; eventData: unknown; notifyResponse: unknown[] }>;
  invoke<Output = unknown>(
    step: string,
    settings: StartSettings & { workflow: string | InvokableWorkflow<any, Output> },
  ): Promise<{ body: Output; isFailed: boolean; isCanceled: boolean; failure?: { code: string; message: string } }>;
  /** Cancels this run. */
  cancel(): Promise<never>;
  /** The reason, once somebody asks this run to cancel. */
  waitForCancel(step: string, timeout?: Span): Promise<string | undefined>;
  /** `key:value`, by which people find this run. */
  setLabel(label: string): void;
  /** Begins this run anew, with an empty journal. */
  continueAsNew(input: unknown, options?: { keep?: Webhook[]; onCurrentVersion?: boolean }): never;
  keptWebhooks(): (Webhook & { step: string })[];
}

export interface ServeOptions<Input = unknown> {
  /** Reads the input from its text. */
  initialPayloadParser?: (text: string) => Input;
  /** Checks the input, as zod's schemas do. */
  schema?: { parse(input: unknown): Input };
  /** How often a step that fails is tried again: 3. */
  retries?: number;
  /** Milliseconds between two tries of a step, a span, or an expression of `retried`. */
  retryDelay?: number | string;
  /** What `context.env` is instead of `process.env`. */
  env?: Record<string, string | undefined>;
  /** Is called in a run of its own when a run has failed. */
  failureFunction?: (failure: {
    context: WorkflowContext<Input>;
    failStatus: number;
    failResponse: string;
    failHeaders: Record<string, string[]>;
    failStack: string;
  }) => unknown;
  middlewares?: WorkflowMiddleware<any, any>[];
}

/** What a middleware is told of. */
export interface MiddlewareCallbacks<Input = unknown, Output = unknown> {
  runStarted?(given: { context: WorkflowContext<Input> }): unknown;
  beforeExecution?(given: { context: WorkflowContext<Input>; stepName: string }): unknown;
  afterExecution?(given: { context: WorkflowContext<Input>; stepName: string; result: unknown }): unknown;
  runCompleted?(given: { context: WorkflowContext<Input>; result: Output }): unknown;
  onError?(given: { workflowRunId?: string; error: Error }): unknown;
  onWarning?(given: { workflowRunId?: string; warning: string }): unknown;
  onInfo?(given: { workflowRunId?: string; info: string }): unknown;
}

export class WorkflowMiddleware<Input = unknown, Output = unknown> {
  constructor(settings: { name: string } & (
    | { callbacks: MiddlewareCallbacks<Input, Output> }
    | { init: () => MiddlewareCallbacks<Input, Output> | Promise<MiddlewareCallbacks<Input, Output>> }
  ));
  readonly name: string;
}

/** Writes what it is told of to the run's log. */
export const loggingMiddleware: WorkflowMiddleware<any, any>;

export interface TriggerOptions {
  /** Its last part is the name of the workflow. */
  url: string;
  body?: unknown;
  headers?: HeadersInit;
  label?: string;
}

/** Starts, cancels and notifies runs of this host, by operations of the run that uses it. */
export class Client {
  constructor(settings?: unknown);
  trigger(options: TriggerOptions): Promise<{ workflowRunId: string }>;
  trigger(options: TriggerOptions[]): Promise<{ workflowRunId: string }[]>;
  cancel(ids: string | string[] | { ids: string | string[] } | { workflowRunIds: string[] }): Promise<{ cancelled: number }>;
  notify(event: { eventId: string; eventData?: unknown; workflowRunId?: string }): Promise<unknown[]>;
}

export type Workflow<Input = unknown, Output = unknown> = (context: WorkflowContext<Input>) => Promise<Output>;

export interface InvokableWorkflow<Input = unknown, Output = unknown> {
  routeFunction: Workflow<Input, Output>;
}

export interface Served {
  POST: (request: Request) => Promise<Response>;
  GET: (request: Request) => Promise<Response>;
  handler: (request: Request) => Promise<Response>;
  fetch: (request: Request) => Promise<Response>;
}

/** Makes a function the workflow of this file. */
export function serve<Input = unknown, Output = unknown>(run: Workflow<Input, Output>, options?: ServeOptions<Input>): Served;

/** Makes several functions the workflows of this file: NAME-a, NAME-b. */
export function serveMany(workflows: Record<string, InvokableWorkflow<any, any>>, options?: ServeOptions<any>): Served;

export function createWorkflow<Input = unknown, Output = unknown>(
  run: Workflow<Input, Output>,
  options?: ServeOptions<Input> & { workflowId?: string },
): InvokableWorkflow<Input, Output>;

/** These are `serve`, `serveMany` and `createWorkflow`. */
export { serve as servePagesRouter, serveMany as serveManyPagesRouter, createWorkflow as createWorkflowPagesRouter };

/** Is thrown by the SDK, for example if a call gets no response. */
export class WorkflowError extends Error {}

/** Is never thrown by itself. */
export class WorkflowAbort extends Error {
  constructor(stepName: string, stepInfo?: unknown);
  readonly stepName: string;
}

/** Ends a step without another try. */
export class WorkflowNonRetryableError extends WorkflowAbort {
  constructor(message?: string);
}

/** Says when a step is to be tried again. */
export class WorkflowRetryAfterError extends WorkflowAbort {
  constructor(message: string, retryAfter: Span);
  readonly retryAfter: Span;
}

/** What Upstash Workflow calls the kinds of its steps. */
export const StepTypes: readonly string[];
