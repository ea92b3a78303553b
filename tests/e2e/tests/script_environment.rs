//! `process.env` of workflows in TypeScript has variables that are part of the version, and secrets that the program
//! never sees.

use base64::prelude::{BASE64_STANDARD, Engine};
use dormouse_e2e::{Cli, Host, Received, Reply, Service, request};
use serde_json::{Value, json};
use tempfile::TempDir;

const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const VALUE: &str = "A_Made-Up/Value+7F3c91d04bE2";

fn host() -> Host {
    Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &["--allow-private-egress"])
}

/// A workflow that uses its secret in allowed ways, and in ways that are refused.
const PROGRAM: &str = r#"
import { createHmac } from "node:crypto";
import { serve } from "@dormouse/sdk";

const { PLAIN, QUOTED } = process.env;

export default serve<{ url: string; elsewhere: string }>(async (context) => {
  const { url, elsewhere } = context.requestPayload;
  const key = process.env.SERVICE_KEY!;
  const kept = async (what: () => unknown) => {
    try {
      await what();
      return "nothing";
    } catch (error) {
      const { name, message, cause } = error as Error;
      return `${name}: ${message} ${(cause as Error)?.message ?? ""}`;
    }
  };
  await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  await fetch(url, { headers: { authorization: `Basic ${btoa(`user:${key}`)}` } });
  await fetch(url, { headers: { authorization: `Basic ${Buffer.from(`user:${key}`).toString("base64")}` } });
  await context.call("call", { url, headers: { "x-api-key": key } });
  return {
    env: [PLAIN, QUOTED, process.env.GIVEN, process.env.MISSING ?? null],
    body: await kept(() => fetch(url, { method: "POST", body: JSON.stringify({ key }) })),
    address: await kept(() => fetch(`${url}/?key=${encodeURIComponent(key)}`)),
    elsewhere: await kept(() => fetch(elsewhere, { headers: { authorization: `Bearer ${key}` } })),
    mac: await kept(() => createHmac("sha256", key).update("text").digest("hex")),
  };
});
"#;

#[test]
fn variables_are_part_of_the_version_and_secrets_never_reach_the_program() {
    let mut host = host();
    let (service, elsewhere) = (Service::answering(&[200]), Service::answering(&[200]));
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("flow.ts"), PROGRAM).unwrap();
    std::fs::write(
        path("variables"),
        "# comment\nexport PLAIN=file\nGIVEN=file\nQUOTED='a # b'\n",
    )
    .unwrap();
    let uses = json!([{"workflow": "flow", "send_to": service.url()}]);
    host.set_secret("SERVICE_KEY", VALUE, &uses);

    let file = path("flow.ts");
    let variables = path("variables");
    let deploy = |given: &str| {
        let given = format!("GIVEN={given}");
        let arguments = [
            "deploy",
            "flow",
            &file,
            "--env-file",
            &variables,
            "--env",
            &given,
            "--json",
        ];
        Cli::of(&host).run(&arguments)
    };
    let other = deploy("other").json();
    let deployed = deploy("flag");
    // The command reports a variable that the program reads and nobody set, and a variable that stands for a secret.
    assert!(
        deployed.stderr.contains("reads MISSING"),
        "{}",
        deployed.stderr
    );
    assert!(
        !deployed.stderr.contains("reads PLAIN"),
        "{}",
        deployed.stderr
    );
    assert!(
        deployed.stderr.contains("SERVICE_KEY stands for"),
        "{}",
        deployed.stderr
    );
    assert_ne!(deployed.json()["version"], other["version"]);

    let input = json!({"url": service.url(), "elsewhere": elsewhere.url()});
    let run = host.start_run("flow", &input);
    let output = run.output();
    assert_eq!(output["env"], json!(["file", "a # b", "flag", null]));
    let told = |place: &str| output[place].as_str().unwrap().to_owned();
    for place in ["body", "address", "mac"] {
        assert!(
            told(place).starts_with("SecretError: the secret SERVICE_KEY"),
            "{}",
            told(place)
        );
    }
    assert!(
        told("elsewhere").starts_with("TypeError: fetch failed"),
        "{}",
        told("elsewhere")
    );
    assert!(
        told("elsewhere").contains("SERVICE_KEY"),
        "{}",
        told("elsewhere")
    );

    let basic = format!("Basic {}", BASE64_STANDARD.encode(format!("user:{VALUE}")));
    let got: Vec<Option<String>> = service
        .requests()
        .iter()
        .map(|request: &Received| {
            let name = ["authorization", "x-api-key"]
                .into_iter()
                .find_map(|name| request.header(name));
            name.map(str::to_owned)
        })
        .collect();
    let expected =
        [&format!("Bearer {VALUE}"), &basic, &basic, VALUE].map(|value| Some(value.to_owned()));
    assert_eq!(got, expected);
    assert_eq!(elsewhere.requests().len(), 0);
    // Each refusal is in the log, since a program may catch the error.
    let logs = run.logs().to_string();
    assert_eq!(logs.matches("\"error\"").count(), 4, "{logs}");
    host.stop();
    assert!(!host.has_stored(VALUE));
}

#[test]
fn an_agent_asks_a_person_before_it_does_harm() {
    let mut host = host();
    let (kept, paid) = (
        json!({"id": "t1", "function": {"name": "order", "arguments": "{\"id\":\"7\"}"}}),
        json!({"id": "t2", "function": {"name": "refund", "arguments": "{\"id\":\"7\",\"cents\":500}"}}),
    );
    let service = Service::start(move |request| {
        let answer = |body: Value| Reply::status(200).body(body.to_string());
        match request.target.as_str() {
            "/v1/chat/completions" => {
                let asked = request.json();
                let last = asked["messages"].as_array().unwrap().last().unwrap();
                let message = if last["role"] == "tool" {
                    json!({"role": "assistant", "content": format!("done: {}", last["content"].as_str().unwrap())})
                } else {
                    json!({"role": "assistant", "content": null, "tool_calls": [kept, paid]})
                };
                answer(json!({"choices": [{"message": message}]}))
            }
            "/shop/orders" => answer(json!({"cents": 500})),
            "/shop/refunds" => answer(json!({"refunded": 500})),
            _ => Reply::status(202),
        }
    });
    host.set_secret(
        "MODEL_API_KEY",
        VALUE,
        &json!([{"workflow": "agent", "send_to": service.url()}]),
    );
    let file =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/typescript/agent.ts");
    let model = format!("MODEL_URL={}/v1", service.url());
    let deploy = [
        "deploy",
        "agent",
        file.to_str().unwrap(),
        "--env",
        &model,
        "--secret",
        "MODEL_API_KEY",
    ];
    Cli::of(&host).run(&deploy).ok();

    let to = |path: &str| -> Vec<Received> {
        let requests = service.requests().into_iter();
        requests.filter(|request| request.target == path).collect()
    };
    for (allow, expected) in [
        (true, "done: {\"refunded\":500}"),
        (false, "done: a person refused this"),
    ] {
        let before = to("/mail").len();
        let run = host.start_run(
            "agent",
            &json!({
                "task": "Refund order 7",
                "approvalUrl": format!("{}/mail", service.url()),
                "shopUrl": format!("{}/shop", service.url()),
            }),
        );
        run.wait_for_operation("the decision on t2");
        run.wait_for_operation("order t1");
        let asked =
            dormouse_e2e::wait_until("a person to be asked", || to("/mail").get(before).cloned());
        assert_eq!(asked.json()["arguments"]["cents"], 500);
        host.restart();
        let decision = request("POST", asked.field("answerUrl"));
        decision.json(&json!({"allow": allow})).send().expect(202);
        let output = run.output();
        assert_eq!(output, json!({"answer": expected, "turns": 2}));
    }
    assert_eq!(to("/shop/refunds").len(), 1);
    let asked = to("/v1/chat/completions");
    assert_eq!(asked.len(), 4);
    let key = format!("Bearer {VALUE}");
    assert!(
        asked
            .iter()
            .all(|request| request.header("authorization") == Some(key.as_str()))
    );
}
