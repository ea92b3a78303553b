// The types for workflows in TypeScript. The module itself is part of the host.

/** A span of time: a number of seconds, or a text such as `"10s"`, `"5m"`, `"2h"`, `"7d"`, `"1mo"`. */
export type Span = number | string;

export interface Webhook {
  /** The URL to give to the caller. Whoever knows it can call the webhook. */
  webhookUrl: string;
  /** Identifies the webhook in `waitForWebhook`. */
  eventId: string;
}

export interface WebhookOptions {
  /** The methods that are delivered. The default is POST, PUT, PATCH and DELETE. */
  methods?: string | string[];
  /**
   * The provider that sends the requests, such as `"stripe"`. The host checks its signature with the `secrets`, and answers
   * its probe.
   */
  provider?: string;
  /** Names of secrets of the host. A signature may match any of them. A provider that does not sign needs none. */
  secrets?: string | string[];
  /** Settings of the provider that the check of its signature needs besides the secrets. */
  settings?: Record<string, string>;
  /** The provider whose probe the host answers, if it is not `provider`, or if requests are not signed. */
  handshake?: string;
  /** The description, as TOML, of a provider that the host does not know. `provider` must name that provider. */
  description?: string;
  /** How far the time in a signature may be from the host's time. */
  tolerance?: Span;
  /** The origins whose pages may send requests from a browser. */
  cors?: string | string[];
  /** The response that every caller gets. */
  reply?: Response | { status?: number; headers?: HeadersInit; body?: BodyInit | null };
  /** How long a caller waits for `respond`. */
  replyWithin?: Span;
}

export type Delivery = { timeout: false; request: Request; id: string } | { timeout: true; request: undefined };

export interface CallSettings {
  url: string;
  method?: string;
  headers?: HeadersInit;
  /** A text, bytes, a blob and a form are sent as they are, and any other value as JSON. */
  body?: unknown;
  /** How often the call is made again if the status of its response is not 200 to 299. */
  retries?: number;
  /** The delay between two tries: milliseconds, a span (`"2s"`), or an expression of `retried` (`"pow(2, retried) * 1000"`). */
  retryDelay?: number | string;
  timeout?: Span;
  signal?: AbortSignal;
}

export interface CallResponse<Body = unknown> {
  status: number;
  /** The value, if the body is JSON; otherwise the text. */
  body: Body;
  /** All values of each header, by name. Upper and lower case of names are equal. */
  header: Record<string, string[]>;
  headers: Record<string, string[]>;
}

/** The settings with which another run is started. */
export interface StartSettings {
  /** The name of a workflow, or a workflow that `createWorkflow` returned. */
  workflow: string | InvokableWorkflow<any, any>;
  body?: unknown;
  /** The headers that the run reads as `context.headers`. */
  headers?: HeadersInit;
  /** A label `key:value` of the run. A text without a colon is the value of the label `label`. */
  label?: string;
  /** The run is asked to cancel after this time. */
  timeout?: Span;
}

/** The settings of a call by `context.api`. */
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
  /** Calls services whose addresses and headers are known. */
  readonly api: Services;
  readonly env: Record<string, string | undefined>;
  readonly workflowRunId: string;
  readonly workflowName: string;
  /** Milliseconds since 1970. */
  readonly workflowRunCreatedAt: number;

  /** Runs a function, again if it fails, and records its result. */
  run<Result>(step: string, run: () => Promise<Result> | Result): Promise<Result>;
  /** Runs a computation and records its result. A replay skips it. It must not use anything outside the program. */
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
  /** Sends an event to all runs that wait for it, or to the named run only. */
  notify(step: string, event: string, data?: unknown, run?: string | { workflowRunId?: string }): Promise<{ eventId: string; eventData: unknown; notifyResponse: unknown[] }>;
  invoke<Output = unknown>(
    step: string,
    settings: StartSettings & { workflow: string | InvokableWorkflow<any, Output> },
  ): Promise<{ body: Output; isFailed: boolean; isCanceled: boolean; failure?: { code: string; message: string } }>;
  /** Cancels this run. */
  cancel(): Promise<never>;
  /** Waits until somebody asks this run to cancel, and returns the reason; undefined after the timeout. */
  waitForCancel(step: string, timeout?: Span): Promise<string | undefined>;
  /** Sets a label of this run, as `key:value`. People find runs by their labels. */
  setLabel(label: string): void;
  /** Continues this run as a new generation, with this input and an empty journal. */
  continueAsNew(input: unknown, options?: { keep?: Webhook[]; onCurrentVersion?: boolean }): never;
  keptWebhooks(): (Webhook & { step: string })[];
}

export interface ServeOptions<Input = unknown> {
  /** Reads the input from its text. */
  initialPayloadParser?: (text: string) => Input;
  /** Checks the input. A schema of zod can be used. */
  schema?: { parse(input: unknown): Input };
  /** How often a step that fails is tried again. The default is 3. */
  retries?: number;
  /** The delay between two tries of a step: milliseconds, a span, or an expression of `retried`. */
  retryDelay?: number | string;
  /** The value of `context.env`. The default is `process.env`. */
  env?: Record<string, string | undefined>;
  /** Called in a run of its own after a run of this workflow has failed. */
  failureFunction?: (failure: {
    context: WorkflowContext<Input>;
    failStatus: number;
    failResponse: string;
    failHeaders: Record<string, string[]>;
    failStack: string;
  }) => unknown;
  middlewares?: WorkflowMiddleware<any, any>[];
}

/** The functions of a middleware. Each is optional. */
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

/** A middleware that writes a line to the run's log for each of its calls. */
export const loggingMiddleware: WorkflowMiddleware<any, any>;

export interface TriggerOptions {
  /** A URL. The last part of its path is the name of the workflow. */
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

/** Registers a function as the workflow of this file. */
export function serve<Input = unknown, Output = unknown>(run: Workflow<Input, Output>, options?: ServeOptions<Input>): Served;

/** Registers several workflows of this file. Those with the keys `a` and `b` are deployed as NAME-a and NAME-b. */
export function serveMany(workflows: Record<string, InvokableWorkflow<any, any>>, options?: ServeOptions<any>): Served;

export function createWorkflow<Input = unknown, Output = unknown>(
  run: Workflow<Input, Output>,
  options?: ServeOptions<Input> & { workflowId?: string },
): InvokableWorkflow<Input, Output>;

/** Other names of `serve`, `serveMany` and `createWorkflow`. */
export { serve as servePagesRouter, serveMany as serveManyPagesRouter, createWorkflow as createWorkflowPagesRouter };

/** An error that the SDK throws, for example if a call gets no response. */
export class WorkflowError extends Error {}

/** The base class of the errors below. The SDK does not throw it. */
export class WorkflowAbort extends Error {
  constructor(stepName: string, stepInfo?: unknown);
  readonly stepName: string;
}

/** Throw this in a step to end the step without another try. */
export class WorkflowNonRetryableError extends WorkflowAbort {
  constructor(message?: string);
}

/** Throw this in a step to say when the step is tried again. */
export class WorkflowRetryAfterError extends WorkflowAbort {
  constructor(message: string, retryAfter: Span);
  readonly retryAfter: Span;
}

/** The names of the kinds of steps in Upstash Workflow. */
export const StepTypes: readonly string[];
