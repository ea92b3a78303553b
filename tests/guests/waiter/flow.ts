// Does what the crate in this folder does with `requests` and `questions`, so that `cargo xtask bench` can compare the languages.

import { serve } from "@dormouse/sdk";

interface Input {
  requests?: number;
  questions?: number;
}

export const { POST } = serve<Input>(async (context) => {
  const { requests = 0, questions = 0 } = context.requestPayload;
  if (requests > 0) {
    const hook = await context.createWebhook("requests");
    for (let taken = 0; taken < requests; taken++) await context.waitForWebhook("requests", hook, "365d");
  }
  if (questions > 0) {
    const hook = await context.createWebhook("questions", { replyWithin: "60s" });
    for (let answered = 0; answered < questions; answered++) {
      const question = await context.waitForWebhook("questions", hook, "365d");
      if (!question.timeout) await context.respond("questions", question, { status: 200 });
    }
  }
});
