// The types of workflows in TypeScript. The host brings the module itself.

/** A span of time: a number of seconds, or a text such as `"10s"`, `"5m"`, `"2h"`, `"7d"`. */
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
  /** A text or bytes go as they are, anything else as JSON. */
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

export interface Waiting {
  signal?: AbortSignal;
}

export interface WorkflowContext<Input = unknown> {
  readonly requestPayload: Input;
  readonly headers: Headers;
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
  sleep(step: string, duration: Span, waiting?: Waiting): Promise<void>;
  sleepUntil(step: string, time: Date | string | number, waiting?: Waiting): Promise<void>;
  createWebhook(step: string, options?: WebhookOptions): Promise<Webhook>;
  waitForWebhook(step: string, webhook: Webhook, timeout?: Span, waiting?: Waiting): Promise<Delivery>;
  respond(step: string, delivery: { id: string } | string, response: Response | ResponseInit & { body?: BodyInit }): Promise<void>;
  closeWebhook(step: string, webhook: Webhook): Promise<void>;
  waitForEvent<Data = unknown>(
    step: string,
    event: string,
    options?: { timeout?: Span; signal?: AbortSignal },
  ): Promise<{ eventData: Data; timeout: false } | { eventData: undefined; timeout: true }>;
  notify(step: string, event: string, data?: unknown, options?: { workflowRunId?: string }): Promise<{ eventId: string; eventData: unknown; notifyResponse: unknown[] }>;
  invoke<Output = unknown>(
    step: string,
    settings: { workflow: string | InvokableWorkflow<any, Output>; body?: unknown; timeout?: Span },
  ): Promise<{ body: Output; isFailed: boolean; isCanceled: boolean }>;
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
  /** Milliseconds between two tries of a step. */
  retryDelay?: number | string;
}

export type Workflow<Input = unknown, Output = unknown> = (context: WorkflowContext<Input>) => Promise<Output>;

export interface InvokableWorkflow<Input = unknown, Output = unknown> {
  run: Workflow<Input, Output>;
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

/** Ends a step without another try. */
export class WorkflowNonRetryableError extends Error {}

/** Says when a step is to be tried again. */
export class WorkflowRetryAfterError extends Error {
  constructor(message: string, retryAfter: Span);
  readonly retryAfter: Span;
}
