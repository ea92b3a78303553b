//! Webhooks of workflows in TypeScript: the request as the program sees it, and the options of a webhook.

use dormouse_e2e::{Cli, Host, Scheme, Service, now, request, sign};
use serde_json::json;
use tempfile::TempDir;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// A workflow that returns all that it can read of three requests: a POST with a body, a POST without a body, and a GET.
const READING: &str = r#"
import { serve } from "@dormouse/sdk";

export const { POST } = serve(async (context) => {
  const hook = await context.createWebhook("hook", { methods: ["GET", "POST"] });
  const next = async () => {
    const { request, id } = await context.waitForWebhook("next", hook, "1h") as { request: Request; id: string };
    return { request, id };
  };
  const { request, id } = await next();
  const copy = request.clone();
  const url = new URL(request.url);
  const posted = {
    id, method: request.method, path: url.pathname === new URL(hook.webhookUrl).pathname + "/sub path".replace(" ", "%20"),
    query: url.searchParams.get("q"), one: request.headers.get("X-One"), two: request.headers.get("x-two"),
    names: [...request.headers.keys()].filter((name) => name.startsWith("x-")),
    text: await request.text(), used: request.bodyUsed, again: (await copy.json()).n, copied: copy.method,
    aborted: request.signal.aborted, redirect: request.redirect, isRequest: request instanceof Request,
  };
  const empty = (await next()).request;
  const nothing = { body: empty.body !== null, text: await empty.text() };
  const got = (await next()).request;
  const half = [...new TextEncoder().encode("a\ud800")];
  await context.sleep("a moment", "0.005 s");
  return { half, posted, nothing, got: { method: got.method, body: got.body, text: await got.text() } };
});
"#;

/// A workflow that creates a webhook with the options in its input.
const CREATING: &str = r#"
import { serve } from "@dormouse/sdk";

export const { POST } = serve<any>(async (context) => {
  const hook = await context.createWebhook("hook", context.requestPayload);
  await context.waitForWebhook("answer", hook, "1h");
  return "taken";
});
"#;

fn host_with(text: &str) -> Host {
    let host = Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &[]);
    deploy(&host, text);
    host
}

fn deploy(host: &Host, text: &str) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("flow.ts");
    std::fs::write(&file, text).unwrap();
    let deployed = Cli::of(host).run(&["deploy", "flow", file.to_str().unwrap()]);
    deployed.ok();
}

#[test]
fn a_request_is_what_the_web_says_a_request_is() {
    let host = host_with(READING);
    let run = host.start_run("flow", &json!({}));
    let hook = run.hook("hook");
    let posted = request("POST", format!("{hook}/sub%20path?q=a%20b"))
        .header("X-One", "1")
        .header("x-two", "2")
        .header("x-two", "caf\u{e9}")
        .body(r#"{"n":7}"#)
        .send();
    let id = posted.field("id");
    request("POST", &hook).send().expect(202);
    request("GET", &hook).send().expect(202);
    let output = run.output();
    let expected = json!({
        "id": id, "method": "POST", "path": true, "query": "a b", "one": "1", "two": "2, caf\u{c3}\u{a9}",
        "names": ["x-one", "x-two"], "text": r#"{"n":7}"#, "used": true, "again": 7, "copied": "POST",
        "aborted": false, "redirect": "follow", "isRequest": true,
    });
    assert_eq!(output["posted"], expected);
    // Half a surrogate pair becomes U+FFFD in UTF-8.
    assert_eq!(output["half"], json!([97, 239, 191, 189]));
    assert_eq!(output["nothing"], json!({"body": true, "text": ""}));
    assert_eq!(
        output["got"],
        json!({"method": "GET", "body": null, "text": ""})
    );
}

#[test]
fn a_provider_is_checked_and_probed_as_in_other_languages() {
    let host = host_with(CREATING);
    host.set_secret(
        "s",
        "github-made-up",
        &json!([{"workflow": "flow", "verify": true}]),
    );
    let run = host.start_run("flow", &json!({"provider": "github", "secrets": "s"}));
    let hook = run.hook("hook");
    let body = b"{}";
    request("POST", &hook)
        .body("{}")
        .send()
        .expect_problem(401, "signature-missing");
    let signed = sign(Scheme::Github, "github-made-up", "1", now(), body);
    let signed = signed.into_iter().fold(
        request("POST", &hook).body("{}"),
        |request, (name, value)| request.header(name, value),
    );
    signed.send().expect(202);
    assert_eq!(run.output(), "taken");

    // With the provider's name as the only option, the host answers the provider's probe.
    let run = host.start_run("flow", &json!({"provider": "microsoft-graph"}));
    let probe = format!("{}?validationToken=hello", run.hook("hook"));
    let answer = request("POST", &probe).send().expect(200);
    assert_eq!(answer.text(), "hello");
}

#[test]
fn options_that_would_check_nothing_fail_the_run() {
    let host = host_with(CREATING);
    for (options, part) in [
        (json!({"provider": "github"}), "does not probe"),
        (
            json!({"secrets": ["s"]}),
            "`secrets` are those of a `provider`",
        ),
        (
            json!({"secret": ["s"]}),
            "no option \"secret\"; it has methods, provider, secrets",
        ),
        (json!({"tolerance": "soon"}), "not a span of time"),
        (json!({"tolerance": ".5s"}), "not a span of time"),
        (json!({"tolerance": "5."}), "not a span of time"),
        (json!({"tolerance": "1.2.3s"}), "not a span of time"),
        (json!({"tolerance": "-1s"}), "not a span of time"),
    ] {
        let failure = host.start_run("flow", &options).failure();
        assert!(failure.1.contains(part), "{options}: {failure:?}");
    }
}

/// A workflow that reads a form from a request, and sends the form to a service by `fetch`.
const FORMS: &str = r#"
import { serve } from "@dormouse/sdk";

const told = (form: FormData) => Promise.all([...form].map(async ([name, value]) =>
  typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]));

export const { POST } = serve<any>(async (context) => {
  const hook = await context.createWebhook("hook");
  const { request } = await context.waitForWebhook("form", hook, "1h");
  const form = await request!.formData();
  const copy = await new Response(form).formData();
  await fetch(context.requestPayload.url, { method: "POST", body: form });
  const refused = new Response("{}", { headers: { "content-type": "application/json" } });
  const error = await refused.formData().catch((error: Error) => error.message);
  return { form: await told(form), copy: await told(copy), error };
});
"#;

#[test]
fn a_form_with_a_file_is_read_and_sent() {
    let service = Service::answering(&[200]);
    let host = Host::start();
    deploy(&host, FORMS);
    let run = host.start_run("flow", &json!({"url": service.url()}));
    let hook = run.hook("hook");
    let body = "--b\r\nContent-Disposition: form-data; name=\"one\"\r\n\r\n1\r\n\
        --b\r\nContent-Disposition: form-data; name=\"two\"; filename=\"two.txt\"\r\nContent-Type: text/plain\r\n\r\n\
        --two\r\n\r\n--b--\r\n";
    request("POST", &hook)
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body)
        .send()
        .expect(202);
    let output = run.output();
    let fields = json!([["one", "1"], ["two", "two.txt", "text/plain", "--two\r\n"]]);
    assert_eq!((&output["form"], &output["copy"]), (&fields, &fields));
    let error = output["error"].as_str().unwrap();
    assert!(error.contains("application/json"), "{error}");
    let sent = &service.wait_for(1)[0];
    let kind = sent.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let text = String::from_utf8(sent.body.clone()).unwrap();
    assert!(text.starts_with(&format!("--{boundary}\r\n")), "{text}");
    assert!(text.ends_with(&format!("\r\n--{boundary}--\r\n")), "{text}");
    assert!(text.contains("filename=\"two.txt\""), "{text}");
}
