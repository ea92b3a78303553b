// An agent. A language model says which tools to call, and the workflow calls them at the same time. Before it calls a tool
// that can do harm, it asks a person.
//
//     dormouse secret set MODEL_API_KEY --workflow agent --send-to https://api.openai.com < key.txt
//     dormouse deploy agent examples/typescript/agent.ts --env MODEL=gpt-5-mini --secret MODEL_API_KEY
//     dormouse start agent --input '{"task": "Refund order 7", "approvalUrl": "http://127.0.0.1:9000/mail"}'

import { serve, type WorkflowContext } from "@upstash/workflow";

interface Input {
  task: string;
  approvalUrl: string;
  shopUrl: string;
}

interface ToolCall {
  id: string;
  function: { name: string; arguments: string };
}

interface Message {
  role: "system" | "user" | "assistant" | "tool";
  content: string | null;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

interface Tool {
  description: string;
  parameters: Record<string, { type: string }>;
  isDangerous: boolean;
  path: string;
}

const TURNS = 10;

const tools: Record<string, Tool> = {
  order: { description: "What an order consists of", parameters: { id: { type: "string" } }, isDangerous: false, path: "orders" },
  refund: { description: "Pays money back", parameters: { id: { type: "string" }, cents: { type: "integer" } }, isDangerous: true, path: "refunds" },
};

const described = Object.entries(tools).map(([name, { description, parameters }]) => ({
  type: "function",
  function: { name, description, parameters: { type: "object", properties: parameters, required: Object.keys(parameters) } },
}));

export const { POST } = serve<Input>(async (context) => {
  const messages: Message[] = [
    { role: "system", content: "You help people in a shop. Use the tools; say in one sentence what you did." },
    { role: "user", content: context.requestPayload.task },
  ];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    const answer = await context.run(`think ${turn}`, () => ask(messages));
    messages.push(answer);
    if (!answer.tool_calls?.length) return { answer: answer.content, turns: turn };
    const results = await Promise.all(answer.tool_calls.map((call) => use(context, call)));
    messages.push(...results);
  }
  throw Object.assign(new Error(`the model still wants tools after ${TURNS} turns`), { code: "too-many-turns" });
});

/** Asks the model. If the step fails, the SDK tries it again. */
async function ask(messages: Message[]): Promise<Message> {
  const response = await fetch(`${process.env.MODEL_URL ?? "https://api.openai.com/v1"}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${process.env.MODEL_API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ model: process.env.MODEL ?? "gpt-5-mini", messages, tools: described }),
  });
  if (!response.ok) throw new Error(`the model answered ${response.status}: ${await response.text()}`);
  return (await response.json()).choices[0].message;
}

/** Calls a tool. An error is returned to the model as text, so that it can try something else. */
async function use(context: WorkflowContext<Input>, call: ToolCall): Promise<Message> {
  const { name, arguments: given } = call.function;
  const result = (content: string): Message => ({ role: "tool", tool_call_id: call.id, content });
  const tool = tools[name];
  if (!tool) return result(`there is no tool ${name}`);
  if (tool.isDangerous && !(await isAllowed(context, call))) return result("a person refused this");
  const response = await context.call<unknown>(`${name} ${call.id}`, {
    url: `${context.requestPayload.shopUrl}/${tool.path}`,
    method: "POST",
    body: given,
    retries: 3,
  });
  return result(response.status < 300 ? JSON.stringify(response.body) : `it failed with ${response.status}`);
}

/** Asks a person, who has a day to answer. */
async function isAllowed(context: WorkflowContext<Input>, call: ToolCall): Promise<boolean> {
  const answer = await context.createWebhook(`decision on ${call.id}`);
  await context.call(`ask about ${call.id}`, {
    url: context.requestPayload.approvalUrl,
    method: "POST",
    body: { tool: call.function.name, arguments: JSON.parse(call.function.arguments), answerUrl: answer.webhookUrl },
  });
  const decision = await context.waitForWebhook(`the decision on ${call.id}`, answer, "1d");
  if (decision.timeout) return false;
  return ((await decision.request.json()) as { allow: boolean }).allow === true;
}
