// `context.api` calls services whose addresses and headers this module knows. A token may be the placeholder of a secret.

import { WorkflowError } from 'dormouse:errors';

const OPENAI = 'https://api.openai.com';
const ANTHROPIC = 'https://api.anthropic.com';
const RESEND = 'https://api.resend.com';
const ANTHROPIC_VERSION = '2023-06-01';

/** Returns the URL of the chat completions of a service that has OpenAI's API. */
const completions = (base) => `${base.replace(/\/(v1|(v1\/)?chat\/completions)$/, '')}/v1/chat/completions`;

const bearer = (token) => ({ authorization: `Bearer ${token}` });

/** The services by name. Each has an operation, and makes its address and headers from the settings of a call. */
const SERVICES = {
  openai: {
    operation: 'chat.completions.create',
    request: ({ token, organization, base }) => ({
      url: completions(base ?? OPENAI),
      headers: { ...bearer(token), ...(organization && base === undefined ? { 'openai-organization': organization } : {}) },
    }),
  },
  anthropic: {
    operation: 'messages.create',
    request: ({ token, base = ANTHROPIC }) => ({ url: `${base}/v1/messages`, headers: { 'x-api-key': token, 'anthropic-version': ANTHROPIC_VERSION } }),
  },
  resend: {
    request: ({ token, batch, base = RESEND }) => ({ url: `${base}/emails${batch ? '/batch' : ''}`, headers: bearer(token) }),
  },
};

/** The settings of `context.api` that `context.call` does not have. They choose the service and its address. */
const OWN = ['token', 'operation', 'organization', 'baseURL', 'baseUrl', 'batch'];

function callOf(context, name) {
  const { operation, request } = SERVICES[name];
  return async (step, settings) => {
    const what = `context.api.${name}.call`;
    if (typeof settings?.token !== 'string' || !settings.token) throw new WorkflowError(`${what} was given no \`token\`; is its environment variable set (deploy --env, --secret)?`);
    if (settings.operation !== undefined && settings.operation !== operation) {
      throw new WorkflowError(`${what} has no operation ${JSON.stringify(settings.operation)}${operation ? `; it has ${operation}` : ''}`);
    }
    const base = (settings.baseURL ?? settings.baseUrl)?.replace(/\/+$/, '');
    const { url, headers } = request({ ...settings, base });
    const others = Object.fromEntries(Object.entries(settings).filter(([key]) => !OWN.includes(key)));
    return context.call(step, { method: 'POST', ...others, url, headers: { 'content-type': 'application/json', ...headers, ...settings.headers } });
  };
}

/** Makes the `api` object of a context. */
export function apiOf(context) {
  return Object.fromEntries(Object.keys(SERVICES).map((name) => [name, { call: callOf(context, name) }]));
}
