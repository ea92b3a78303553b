// A workflow for each package of a service that is called by fetch, twice, with a wait between in which the host is killed.

import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { neon, neonConfig } from "@neondatabase/serverless";
import { Client as Notion, isNotionClientError } from "@notionhq/client";
import { Octokit } from "@octokit/rest";
import { WebClient } from "@slack/web-api";
import { createClient } from "@supabase/supabase-js";
import { serve, type WorkflowContext } from "@upstash/workflow";
import axios, { AxiosError } from "axios";
import { parse } from "csv-parse";
import jwt from "jsonwebtoken";
import { DateTime } from "luxon";
import { createPublicKey } from "node:crypto";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";

interface Input {
  name: string;
  base: string;
}

const slackFlow = async (base: string) => {
  const slack = new WebClient("xoxb-1", { slackApiUrl: `${base}/slack/` });
  const sent = await slack.chat.postMessage({ channel: "C1", text: "hello" });
  const channels: unknown[] = [];
  for await (const page of slack.paginate("conversations.list", { limit: 1 })) channels.push(...(page.channels as unknown[]));
  const bad = await slack.auth.test().catch((error) => error.data.error);
  return { ts: sent.ts, channels: channels.length, bad };
};

const octokitFlow = async (base: string) => {
  const octokit = new Octokit({ baseUrl: `${base}/github`, auth: "token" });
  const made = await octokit.rest.issues.create({ owner: "a", repo: "b", title: "Hello" });
  const all = await octokit.paginate(octokit.rest.issues.listForRepo, { owner: "a", repo: "b" });
  const bad = await octokit.request("GET /nothing").catch((error) => error.status);
  return { made: made.data.number, all: all.map((issue) => issue.number), bad };
};

const supabaseFlow = async (base: string) => {
  const client = createClient(`${base}/supabase`, "key", { auth: { persistSession: false, autoRefreshToken: false } });
  const got = await client.from("orders").select("id, name").eq("id", 1).limit(1);
  const put = await client.from("orders").insert({ name: "x" }).select().single();
  const file = await client.storage.from("files").upload("k.txt", new Blob(["hi"]), { contentType: "text/plain" });
  return { got: got.data, put: put.data, file: file.data?.fullPath };
};

const notionFlow = async (base: string) => {
  const notion = new Notion({ auth: "token", baseUrl: `${base}/notion` });
  const page = await notion.pages.create({ parent: { database_id: "d" }, properties: { Name: { title: [{ text: { content: "x" } }] } } });
  const bad = await notion.databases.retrieve({ database_id: "d" }).catch((error) => isNotionClientError(error) && error.code);
  return { page: page.id, bad };
};

const s3Flow = async (base: string) => {
  const credentials = { accessKeyId: "id", secretAccessKey: "key" };
  const s3 = new S3Client({ region: "eu-central-1", endpoint: `${base}/s3`, forcePathStyle: true, credentials });
  const put = await s3.send(new PutObjectCommand({ Bucket: "b", Key: "k", Body: "hello" }));
  const got = await s3.send(new GetObjectCommand({ Bucket: "b", Key: "k" }));
  const listed = await s3.send(new ListObjectsV2Command({ Bucket: "b" }));
  const bad = await s3.send(new GetObjectCommand({ Bucket: "b", Key: "nothing" })).catch((error) => error.name);
  return { put: put.ETag, got: await got.Body?.transformToString(), keys: listed.Contents?.map((object) => object.Key), bad };
};

const axiosFlow = async (base: string) => {
  const api = axios.create({ baseURL: `${base}/axios`, auth: { username: "u", password: "p" } });
  api.interceptors.request.use((config) => { config.headers.set("x-a", "1"); return config; });
  const sent = await api.post("/echo", { a: 1 }, { params: { l: [1, 2] } });
  const form = await api.postForm("/echo", { a: "1" });
  const bad = await api.get("/nothing").catch((error) => error instanceof AxiosError && [error.code, error.response?.status, error.response?.statusText]);
  return { sent: sent.data, form: form.data.type.split(";")[0], bad };
};

const neonFlow = async (base: string) => {
  neonConfig.fetchEndpoint = `${base}/neon`;
  const sql = neon("postgres://u:p@db.example.com/d");
  return { rows: await sql`select id, v from t where v = ${"x"}` };
};

const jwtFlow = async (base: string) => {
  const pem = await (await fetch(`${base}/pem/ES256`)).text();
  const token = jwt.sign({ plan: "small" }, pem, { algorithm: "ES256", expiresIn: "1h", keyid: "k" });
  const key = createPublicKey(pem);
  const jwk = createPublicKey({ key: key.export({ format: "jwk" }), format: "jwk" });
  const plans = [key, jwk, key.export({ type: "spki", format: "pem" })].map((one) => (jwt.verify(token, one, { algorithms: ["ES256"] }) as jwt.JwtPayload).plan);
  const secret = jwt.sign({ plan: "large" }, "secret");
  let bad;
  try { jwt.verify(secret, "other"); } catch (error) { bad = (error as Error).name; }
  return { plans, curve: key.asymmetricKeyDetails?.namedCurve, bad };
};

const luxonFlow = async () => {
  const time = DateTime.fromISO("2026-01-31T10:00:00Z", { zone: "utc" });
  return { later: time.plus({ months: 1 }).toISO(), text: time.toFormat("cccc, d LLLL yyyy"), hours: time.diff(time.minus({ days: 2 }), "hours").hours };
};

const csvFlow = async (base: string) => {
  const { body } = await fetch(`${base}/csv`);
  const rows: Record<string, string>[] = [];
  const large = new Transform({ objectMode: true, transform: (row, _, done) => done(null, { ...row, b: row.b.toUpperCase() }) });
  await pipeline(Readable.fromWeb(body as any), parse({ columns: true }), large, async (parsed: AsyncIterable<Record<string, string>>) => {
    for await (const row of parsed) rows.push(row);
  });
  return { rows };
};

const flows: Record<string, (base: string) => Promise<unknown>> = {
  slack: slackFlow,
  octokit: octokitFlow,
  supabase: supabaseFlow,
  notion: notionFlow,
  s3: s3Flow,
  axios: axiosFlow,
  neon: neonFlow,
  jwt: jwtFlow,
  luxon: luxonFlow,
  csv: csvFlow,
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
