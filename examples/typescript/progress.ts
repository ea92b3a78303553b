// Hands a job to a service and collects the updates that it sends until the job is done.
//
// This program was written for Upstash Workflow, and runs on this host without a change:
//
//     dormouse deploy progress examples/typescript/progress.ts
//     dormouse start progress --input '{"serviceUrl": "http://127.0.0.1:9000/jobs"}'

import { serve } from "@upstash/workflow/nextjs";

interface Input {
  serviceUrl: string;
}

export const { POST } = serve<Input>(async (context) => {
  const webhook = await context.createWebhook("progress");

  await context.call("start job", {
    url: context.requestPayload.serviceUrl,
    method: "POST",
    body: { webhookUrl: webhook.webhookUrl },
  });

  const updates: unknown[] = [];
  while (true) {
    const update = await context.waitForWebhook("an update", webhook, "5m");
    if (update.timeout) break;
    updates.push(await update.request.json());
    if (update.request.headers.get("x-task-finished") === "true") break;
  }
  return updates;
});
