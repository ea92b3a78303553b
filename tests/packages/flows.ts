// A workflow for each package. It uses the package twice, with a wait in between during which the host is killed.

import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { serve, type WorkflowContext } from "@upstash/workflow";
import { Redis } from "@upstash/redis";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { addDays, format, parseISO } from "date-fns";
import * as jose from "jose";
import { customAlphabet, nanoid } from "nanoid";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHmac, createSign, createVerify } from "node:crypto";
import { EventEmitter, once } from "node:events";
import OpenAI from "openai";
import { Resend } from "resend";
import Stripe from "stripe";
import { z } from "zod";

interface Input {
  name: string;
  base: string;
}

const openaiFlow = async (base: string) => {
  const client = new OpenAI({ apiKey: process.env.OPENAI_API_KEY, baseURL: `${base}/openai` });
  const whole = await client.chat.completions.create({ model: "small", messages: [{ role: "user", content: "hi" }] });
  const stream = await client.chat.completions.create({ model: "small", stream: true, messages: [{ role: "user", content: "hi" }] });
  let streamed = "";
  for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
  return { whole: whole.choices[0].message.content, streamed };
};

const anthropicFlow = async (base: string) => {
  const client = new Anthropic({ apiKey: "key", baseURL: `${base}/anthropic` });
  const whole = await client.messages.create({ model: "small", max_tokens: 9, messages: [{ role: "user", content: "hi" }] });
  const streamed = await client.messages.stream({ model: "small", max_tokens: 9, messages: [{ role: "user", content: "hi" }] }).finalMessage();
  const text = (message: Anthropic.Message) => message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  return { whole: text(whole), streamed: text(streamed) };
};

const aiFlow = async (base: string) => {
  const model = createOpenAI({ apiKey: "key", baseURL: `${base}/openai` }).chat("small");
  const weather = tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => ({ city, degrees: 21 }),
  });
  const asked = await generateText({ model, prompt: "weather", tools: { weather }, stopWhen: stepCountIs(3) });
  let streamed = "";
  for await (const text of streamText({ model, prompt: "hi" }).textStream) streamed += text;
  return { text: asked.text, steps: asked.steps.length, streamed };
};

const resendFlow = async (base: string) => {
  const resend = new Resend("re_key", { baseUrl: `${base}/resend` });
  const { data, error } = await resend.emails.send({ from: "a@example.com", to: "b@example.com", subject: "Hello", html: "<b>hi</b>" });
  const bad = await resend.emails.send({ from: "a@example.com", to: "nobody", subject: "Hello", text: "hi" });
  return { id: data?.id, error, bad: bad.error?.name };
};

const stripeFlow = async (base: string) => {
  const { hostname, port } = new URL(base);
  const stripe = new Stripe("sk_key", { host: hostname, port: Number(port), protocol: "http" });
  const customer = await stripe.customers.create({ email: "a@example.com", metadata: { plan: "small" } });
  const listed: string[] = [];
  for await (const one of stripe.customers.list({ limit: 1 })) listed.push(one.id);
  const declined = await stripe.paymentIntents.create({ amount: 100, currency: "eur" }).catch((error: Stripe.errors.StripeError) => ({ code: error.code }));
  const payload = JSON.stringify({ id: "evt_1", object: "event", type: "charge.succeeded" });
  const header = await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret: "whsec_test" });
  const event = await stripe.webhooks.constructEventAsync(payload, header, "whsec_test");
  return { id: customer.id, listed, declined: declined.code, event: event.type };
};

const redisFlow = async (base: string) => {
  const redis = new Redis({ url: `${base}/redis`, token: "token" });
  await redis.set("key", { count: 1 });
  const [got, more] = await Promise.all([redis.get<{ count: number }>("key"), redis.get("key")]);
  const piped = await redis.pipeline().set("a", 1).get("key").exec();
  return { got, more, piped };
};

const joseFlow = async (base: string) => {
  const secret = new TextEncoder().encode("0123456789abcdef0123456789abcdef");
  const token = await new jose.SignJWT({ plan: "small" }).setProtectedHeader({ alg: "HS256" }).setIssuedAt().setExpirationTime("2h").sign(secret);
  const { payload } = await jose.jwtVerify(token, secret);
  // The service lists its keys in this order. Another implementation made its signatures.
  const keys = jose.createRemoteJWKSet(new URL(`${base}/jose/keys`));
  const signed = (await (await fetch(`${base}/jose/tokens`)).json()) as string[];
  const verified = await Promise.all(signed.map(async (jwt) => (await jose.jwtVerify(jwt, keys)).protectedHeader.alg));
  const made: string[] = [];
  for (const alg of ["RS256", "PS256", "ES256", "ES384", "EdDSA"]) {
    const pem = (await (await fetch(`${base}/jose/pem/${alg}`)).text()) as string;
    const key = await jose.importPKCS8(pem, alg, { extractable: true });
    const { d, p, q, dp, dq, qi, ...open } = await jose.exportJWK(key);
    const jwt = await new jose.SignJWT({}).setProtectedHeader({ alg }).sign(key);
    await jose.jwtVerify(jwt, await jose.importJWK(open, alg));
    made.push(alg);
  }
  const sealed = await new jose.EncryptJWT({ plan: "small" }).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(secret);
  const opened = await jose.jwtDecrypt(sealed, secret);
  return { plan: payload.plan, verified, made, opened: opened.payload.plan };
};

const zodFlow = async () => {
  const Order = z.object({ email: z.email(), lines: z.array(z.object({ sku: z.string(), count: z.number().int().positive() })).min(1) });
  const good = Order.safeParse({ email: "a@example.com", lines: [{ sku: "x", count: 2 }] });
  const bad = Order.safeParse({ email: "nobody", lines: [] });
  return { good: good.success, bad: bad.error?.issues.map((issue) => issue.path.join(".")), schema: z.toJSONSchema(Order).type };
};

const smallFlow = async () => {
  const day = format(addDays(parseISO("2026-01-31"), 30), "yyyy-MM-dd EEEE");
  return { day, id: nanoid(), digits: customAlphabet("0123456789", 8)() };
};

const tenant = new AsyncLocalStorage<string>();

const nodeFlow = async (base: string) => {
  const inTenant = async () => {
    await fetch(`${base}/node/one`);
    const before = tenant.getStore();
    for await (const part of (async function* () { yield await Promise.resolve(1); })()) void part;
    return [before, tenant.getStore()];
  };
  const stores = await Promise.all([tenant.run("a", inTenant), tenant.run("b", inTenant)]);
  const emitter = new EventEmitter();
  setTimeout(() => emitter.emit("done", 7), 1);
  const [done] = await once(emitter, "done");
  const pem = await (await fetch(`${base}/jose/pem/RS256`)).text();
  const signature = createSign("RSA-SHA256").update("text").sign(pem);
  return {
    stores,
    outside: tenant.getStore() ?? "none",
    done,
    mac: createHmac("sha256", "key").update("text").digest("hex"),
    signed: createVerify("RSA-SHA256").update("text").verify(pem, signature),
    buffer: Buffer.concat([Buffer.from("héllo"), Buffer.from([0xff])]).toString("base64"),
  };
};

const flows: Record<string, (base: string) => Promise<unknown>> = {
  openai: openaiFlow,
  anthropic: anthropicFlow,
  ai: aiFlow,
  resend: resendFlow,
  stripe: stripeFlow,
  redis: redisFlow,
  jose: joseFlow,
  zod: zodFlow,
  small: smallFlow,
  node: nodeFlow,
};

export const { POST } = serve<Input>(async (context: WorkflowContext<Input>) => {
  const { name, base } = context.requestPayload;
  const first = await flows[name](base);
  const hook = await context.createWebhook("the host was killed");
  await context.call("say where", { url: `${base}/ready`, method: "POST", body: { name, hook: hook.webhookUrl } });
  await context.waitForWebhook("the kill", hook, "1h");
  const second = await context.run("again", () => flows[name](base));
  return { first, second };
});
