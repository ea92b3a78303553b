// The behaviours that every language must have, in TypeScript. The crate in this folder has them in Rust.

import { serve, type WorkflowContext } from "@dormouse/sdk";

interface Input {
  do: string;
  service: string;
  number: number;
}

type Context = WorkflowContext<Input>;

const text = async (context: Context, hook: any, signal?: AbortSignal) => {
  const delivery = await context.waitForWebhook("wait", hook, "30d", { signal });
  return delivery.timeout ? undefined : await delivery.request.text();
};

const behaviours: Record<string, (context: Context, input: Input) => Promise<unknown>> = {
  // A request that comes before the wait is kept.
  async lookback(context, { service }) {
    const hook = await context.createWebhook("hook");
    await context.call("tell", { url: service, method: "POST", body: JSON.stringify(hook.webhookUrl) });
    await context.sleep("pause", "200ms");
    return await text(context, hook);
  },

  // Requests are taken in the order in which they came.
  async fifo(context) {
    const hook = await context.createWebhook("hook");
    await context.waitForEvent("begin", "begin");
    return [await text(context, hook), await text(context, hook), await text(context, hook)];
  },

  // A wait that times out returns nothing, and takes no request.
  async timeout(context) {
    const hook = await context.createWebhook("hook");
    const first = await context.waitForWebhook("wait", hook, "20ms");
    return [first.timeout, await text(context, hook)];
  },

  // A wait that loses a race is given up, and takes no request.
  async race(context) {
    const hook = await context.createWebhook("hook");
    const lost = new AbortController();
    const winner = await Promise.race([
      text(context, hook, lost.signal).then(() => "request", () => "given up"),
      context.sleep("pause", "20ms").then(() => "timer"),
    ]);
    lost.abort();
    return [winner, await text(context, hook)];
  },

  // Several operations at the same time. Their results are in the order of the operations.
  async join(context, { service }) {
    const hook = await context.createWebhook("hook");
    const ask = async (name: string) => (await context.call(name, { url: `${service}/${name}`, method: "POST" })).status;
    return await Promise.all([ask("a"), ask("b"), ask("c"), text(context, hook)]);
  },

  // A run that is asked to cancel while it waits for something else.
  async cancel(context) {
    const hook = await context.createWebhook("hook");
    return await Promise.race([context.waitForCancel("cancel"), text(context, hook)]);
  },

  // A run that another run starts and waits for.
  async child(context) {
    const workflow = context.workflowName;
    return (await context.invoke("double", { workflow, body: { do: "double", number: 21 } })).body;
  },

  async double(_, { number }) {
    return number * 2;
  },

  // A run that continues as new and keeps a webhook.
  async generations(context, { number = 0 }) {
    const hook = context.keptWebhooks()[0] ?? (await context.createWebhook("hook"));
    if ((await text(context, hook)) === "stop") return number;
    return context.continueAsNew({ do: "generations", number: number + 1 }, { keep: [hook] });
  },

  async error() {
    throw Object.assign(new Error("no funds"), { code: "card-declined" });
  },

  // An event that is sent to the run.
  async event(context) {
    return (await context.waitForEvent("news", "news")).eventData;
  },

  // Text in other scripts, in bodies and in names.
  async unicode(context) {
    const hook = await context.createWebhook("hook");
    const said = (await text(context, hook))!;
    await context.sleep(`⏰ ${said}`, "1ms");
    return { text: said, characters: [...said].length };
  },

  // A body with every value of a byte.
  async binary(context) {
    const hook = await context.createWebhook("hook");
    const delivery = await context.waitForWebhook("wait", hook);
    return [...new Uint8Array(await delivery.request!.arrayBuffer())];
  },

  // The workflow answers the caller of a webhook.
  async answer(context) {
    const hook = await context.createWebhook("hook", { replyWithin: "30s" });
    const delivery = await context.waitForWebhook("wait", hook);
    if (delivery.timeout) return undefined;
    const heard = await delivery.request.text();
    await context.respond("respond", delivery, Response.json({ heard }, { status: 201 }));
    return heard;
  },

  // This many operations, with three waits among them.
  async many(context, { number }) {
    const hook = await context.createWebhook("hook");
    let sum = 0;
    for (let part = 0; part < 4; part++) {
      for (let one = 0; one < number / 4; one++) sum += await context.compute("add", () => one);
      if (part < 3) await context.waitForWebhook("wait", hook);
    }
    return sum;
  },
};

export const { POST } = serve<Input>(async (context) => {
  const input = context.requestPayload;
  return await behaviours[input.do](context, input);
});
