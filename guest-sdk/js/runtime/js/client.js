// The client of Upstash Workflow, for use inside a workflow. It starts, cancels and notifies runs of this host, by operations of
// the run that uses it.

import { WorkflowError } from 'dormouse:errors';
import { json, runId } from 'dormouse:payload';
import { notifyResponse } from 'dormouse:context';
import { perform, stepName } from 'dormouse:operations';
import { remark } from 'dormouse:settings';
import { startSettings } from 'dormouse:children';

const host = globalThis.__dormouse;

const TRIGGER = ['url', 'workflow', 'body', 'headers', 'label', 'delay', 'notBefore'];

const OWN_LIMITS = 'the workflow that is started has its own';

const TRIGGER_IGNORED = {
  workflowRunId: 'the host names runs', retries: OWN_LIMITS, retryDelay: OWN_LIMITS, flowControl: "limit runs by the host's settings",
  failureUrl: 'give the other workflow a failureFunction', disableTelemetry: '', redact: 'a secret of the host is never shown', useJSONContent: '',
};

/** Throws an error for a method that this host offers in another way. */
function refuse(what, instead) {
  throw new WorkflowError(`Client.${what} is not available in a workflow; ${instead}`);
}

/** Returns the name of the workflow that a URL of Upstash Workflow means: the last part of its path. */
function workflowOf({ url, workflow }) {
  const given = workflow ?? url;
  const name = typeof given === 'string' ? given.split(/[?#]/)[0].split('/').filter(Boolean).pop() : undefined;
  if (!name) throw new TypeError('trigger was given no `url`; its last part is the name of the workflow to start, such as "https://host/v1/workflows/approval"');
  return name;
}

async function trigger(settings) {
  remark('trigger', settings, TRIGGER, TRIGGER_IGNORED);
  if (settings.delay !== undefined || settings.notBefore !== undefined) {
    throw new WorkflowError('trigger has no `delay` and no `notBefore` here; wait first, with context.sleep or context.sleepUntil');
  }
  const workflow = workflowOf(settings);
  const step = stepName(`trigger ${workflow}`);
  const options = { ...startSettings(settings), whenParentEnds: 'leave' };
  const run = await perform(host.startRun(step, workflow, 'application/json', json(settings.body), options));
  return { workflowRunId: run };
}

export class Client {
  // The URL and the token of Upstash have no meaning on this host.
  constructor() {}

  /** Starts a run of another workflow. That run continues when this run ends. */
  async trigger(settings) { return Array.isArray(settings) ? Promise.all(settings.map(trigger)) : trigger(settings); }

  async cancel(request) {
    const ids = typeof request === 'string' || Array.isArray(request) ? request : request?.ids ?? request?.workflowRunIds ?? request?.filter?.workflowRunIds;
    if (ids === undefined) refuse('cancel by a filter', 'give the ids of runs, or use `dormouse cancel --workflow NAME`');
    const cancelled = await Promise.all([ids].flat().map((id) => perform(host.cancelRun('cancel', runId(id), {}))));
    return { cancelled: cancelled.filter(Boolean).length };
  }

  async notify({ eventId, eventData, workflowRunId }) {
    const run = workflowRunId === undefined || workflowRunId === null ? null : runId(workflowRunId);
    const step = stepName(`notify ${eventId}`);
    return notifyResponse(await perform(host.notify(step, String(eventId), run, 'application/json', json(eventData))));
  }

  async getWaiters() { refuse('getWaiters', 'use `dormouse runs --waiting event`, or GET /v1/runs?waiting=event'); }
  async logs() { refuse('logs', 'use `dormouse runs` and `dormouse journal RUN`, or GET /v1/runs'); }
  get dlq() { return refuse('dlq', 'failed runs are listed by `dormouse runs --status failed` and repaired by `dormouse retry`'); }
}
