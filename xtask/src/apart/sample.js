// A workflow that does what most workflows do: it creates a webhook and waits, reads a request, answers it, and makes steps.

import { serve } from "@dormouse/sdk";

serve(async (context) => {
  const { question } = context.requestPayload;
  const hook = await context.createWebhook("hook", { replyWithin: "60s" });
  const { request, id } = await context.waitForWebhook("hook", hook, "365d");
  const { answer } = await request.json();
  await context.respond("hook", { id }, { status: 200 });
  const step = await context.run("step", () => ({ question, answer, kind: request.headers.get("content-type") }));
  await context.sleep("sleep", "1d");
  await context.call("call", { url: "http://localhost/", method: "POST", body: step });
  await context.waitForWebhook("hook", hook, "365d");
});
