// Asks a person, reminds them once, and gives up at a deadline.
//
//     dormouse deploy approval examples/typescript/approval.ts
//     dormouse start approval --input '{"notifyUrl": "http://127.0.0.1:9000/mail", "subject": "New laptop"}'

import { serve } from "@upstash/workflow";

interface Input {
  notifyUrl: string;
  subject: string;
  reminder?: string;
  deadline?: string;
}

export const { POST } = serve<Input>(async (context) => {
  const { notifyUrl, subject, reminder = "1d", deadline = "7d" } = context.requestPayload;
  const answer = await context.createWebhook("answer");

  const tell = (text: string) =>
    context.run(text, async () => {
      const response = await fetch(notifyUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ text, subject, answerUrl: answer.webhookUrl }),
      });
      if (!response.ok) throw new Error(`the message was refused with ${response.status}`);
    });

  await tell("please decide");
  let decision = await context.waitForWebhook("decision", answer, reminder);
  if (decision.timeout) {
    await tell("please do not forget");
    decision = await context.waitForWebhook("decision after all", answer, deadline);
  }
  if (decision.timeout) return { decision: "none" };
  return { decision: await decision.request.json() };
});
