//! Calls with secrets in their headers: only the service gets the value.

use std::fs;

use base64::prelude::{BASE64_STANDARD, Engine};
use dormouse_e2e::{Host, Reply, Run, Service, json_body, request, wait_until};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::forms::{go, verifying};

/// It has letters that JSON and URLs may escape.
const VALUE: &str = "A_Made-Up/Value+7F3c91d04bE2";
const OTHER: &str = "Another_Made-Up-Value-5E8ab217";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn host(settings: &[&str]) -> Host {
    let settings = [&["--allow-private-egress"], settings].concat();
    Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &settings)
}

/// Returns the use that lets the scripted guest send a secret to this origin.
fn sending(origin: &str) -> Value {
    json!([{"workflow": "script", "send_to": origin}])
}

/// Returns a call with this secret in `Authorization`.
fn call(url: &str, secret: &str) -> Value {
    json!({"call": {"method": "POST", "url": url, "body": "{}", "delay_ms": 1,
        "secret_headers": [["Authorization", "Bearer ", secret]]}})
}

/// Returns the results of a run's calls, from its journal.
fn outcomes(run: &Run) -> Vec<Value> {
    let journal = run.journal();
    let activations = journal["activations"].as_array().unwrap().iter();
    let outcomes = activations.map(|activation| activation["completion"]["outcome"].clone());
    outcomes.filter(Value::is_object).collect()
}

fn bearer(value: &str) -> String {
    format!("Bearer {value}")
}

/// Returns a service that says in several ways what it was told in `Authorization`.
fn echoing() -> Service {
    Service::start(|request| {
        let told = request.header("authorization").unwrap_or_default();
        let value = told.strip_prefix("Bearer ").unwrap_or_default();
        let body = json!({
            "plain": told,
            "value": value,
            "base64": BASE64_STANDARD.encode(told),
            "base64 of the value": BASE64_STANDARD.encode(value),
            "as a parameter": format!("?key={}", value.replace('/', "%2F").replace('+', "%2b")),
            "kept": "what is nobody's secret",
        });
        let body = body.to_string().replace('/', "\\/");
        Reply::status(200)
            .header("X-Told", told)
            .header("X-Told-In-Base64", &BASE64_STANDARD.encode(told))
            .header("X-Kept", "what is nobody's secret")
            .body(body)
    })
}

#[test]
fn the_service_gets_the_value_and_what_it_repeats_is_masked() {
    let host = host(&[]);
    let service = echoing();
    host.set_secret("crm", VALUE, &sending(service.url()));
    let run = host.script(&call(&format!("{}/leads?x=1", service.url()), "crm"));
    let output = run.output();
    assert_eq!(output["status"], 200);
    let seen = json_body(&output);
    for (place, masked) in [
        ("plain", "Bearer ***"),
        ("value", "***"),
        ("as a parameter", "?key=***"),
        ("kept", "what is nobody's secret"),
    ] {
        assert_eq!(seen[place], masked, "{place}");
    }
    for place in ["base64", "base64 of the value"] {
        let masked = seen[place].as_str().unwrap();
        assert!(masked.contains("***"), "{masked}");
        assert!(masked.len() < 20, "{masked}");
    }
    // The guest gives no headers of a response, and the journal has what it got.
    let outcome = outcomes(&run).remove(0);
    let header = |name: &str| {
        let headers = outcome["headers"].as_array().unwrap().iter();
        let mut named = headers.filter(|header| header["name"] == name);
        let value = named.next().and_then(|header| header["value"].as_str());
        value.unwrap().to_owned()
    };
    assert_eq!(header("x-told"), "Bearer ***");
    assert_eq!(header("x-kept"), "what is nobody's secret");
    let masked = header("x-told-in-base64");
    assert!(masked.contains("***") && masked.len() < 20, "{masked}");

    let requests = service.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(
        requests[0].header("authorization"),
        Some(bearer(VALUE).as_str())
    );
    assert_eq!(requests[0].target, "/leads?x=1");
    assert_eq!(requests[0].body, b"{}");
    assert!(
        requests[0]
            .header("idempotency-key")
            .is_some_and(|key| !key.is_empty())
    );
}

#[test]
fn the_value_is_nowhere_to_be_found() {
    let mut host = host(&["--log", "trace"]);
    let service = echoing();
    host.set_secret("crm", VALUE, &sending(service.url()));
    // An error names what it was about, and so could name too much.
    let to = format!("nowhere://{VALUE}/");
    let astray = Service::start(move |_| Reply::status(302).header("Location", &to));
    host.set_secret("astray", OTHER, &sending(astray.url()));
    let run = host.script(&json!({"seq": [
        call(service.url(), "crm"), call(astray.url(), "astray"), {"log": "called"}, {"event": "go"},
    ]}));
    run.wait_for_steps(&["go"]);
    let mut said: Vec<Vec<u8>> = ["", "/journal", "/logs", "/webhooks"]
        .map(|path| run.get(path).expect(200).body)
        .into();
    let listed = ["/v1/runs", "/v1/secrets", "/v1/secrets/crm", "/metrics"];
    said.extend(listed.map(|path| host.get(path).expect(200).body));
    host.restart();
    go(&run);
    run.output();
    said.push(run.get("/output").expect(200).body);
    said.push(run.get("/journal").expect(200).body);
    host.stop();
    assert_eq!(service.requests().len(), 1);
    let said: String = said
        .iter()
        .map(|body| String::from_utf8_lossy(body))
        .collect();
    let log = host.log();
    assert!(said.contains("crm") && said.contains("***") && log.contains("DEBUG"));
    assert!(host.has_stored("***"), "what was masked is stored so");
    let in_base64 = |value: &str| BASE64_STANDARD.encode(value)[..20].to_owned();
    let header_in_base64 = BASE64_STANDARD.encode(bearer(OTHER))[12..32].to_owned();
    for value in [
        VALUE.to_owned(),
        OTHER.to_owned(),
        in_base64(VALUE),
        in_base64(OTHER),
        header_in_base64,
    ] {
        assert!(!said.contains(&value), "{value}");
        assert!(!log.contains(&value), "{value}");
        assert!(!host.has_stored(&value), "{value}");
    }
}

#[test]
fn it_stays_with_its_origin_when_a_call_is_redirected() {
    let host = host(&[]);
    let other = Service::answering(&[200]);
    let away = other.url().to_owned();
    let service = Service::start(move |request| match request.target.as_str() {
        "/" => Reply::status(307).header("Location", "/here"),
        "/here" => Reply::status(307).header("Location", &away),
        _ => Reply::status(404),
    });
    host.set_secret("crm", VALUE, &sending(service.url()));
    let run = host.script(&call(service.url(), "crm"));
    assert_eq!(run.output()["status"], 200);
    let told = |service: &Service| -> Vec<Option<String>> {
        let requests = service.requests().into_iter();
        requests
            .map(|request| request.header("authorization").map(str::to_owned))
            .collect()
    };
    assert_eq!(told(&service), [Some(bearer(VALUE)), Some(bearer(VALUE))]);
    assert_eq!(told(&other), [None]);
    assert_eq!(other.requests()[0].body, b"{}", "the call itself went on");
}

#[test]
fn a_secret_that_was_not_granted_is_denied_without_details() {
    let host = host(&[]);
    let service = Service::answering(&[200]);
    let elsewhere = service.url().replace("127.0.0.1", "localhost");
    host.set_secret(
        "of-another",
        VALUE,
        &json!([{"workflow": "other", "send_to": service.url()}]),
    );
    host.set_secret("to-verify", VALUE, &verifying());
    host.set_secret("elsewhere", VALUE, &sending(&elsewhere));
    host.set_secret(
        "by-https",
        VALUE,
        &sending(&service.url().replace("http:", "https:")),
    );
    let names = [
        "unknown",
        "of-another",
        "to-verify",
        "elsewhere",
        "by-https",
    ];
    let calls: Vec<Value> = names.map(|name| call(service.url(), name)).into();
    let run = host.script(&json!({ "seq": calls }));
    let output = run.output();
    assert_eq!(
        output,
        Value::from(vec![json!({"error": "denied"}); names.len()])
    );
    let outcomes = outcomes(&run);
    assert_eq!(outcomes.len(), names.len());
    for (name, outcome) in names.into_iter().zip(outcomes) {
        let message = outcome["message"].as_str();
        let expected = format!(
            "workflow script may not send the secret {name} to {url}; `dormouse secret set {name} --workflow script \
             --send-to {url}` would allow it",
            url = service.url()
        );
        assert_eq!(message, Some(expected.as_str()), "{outcome}");
    }
    assert_eq!(service.requests().len(), 0);
    let metrics = host.get("/metrics").expect(200).text();
    let counted: Vec<&str> = metrics
        .lines()
        .filter(|line| line.starts_with("dormouse_call_attempts_total{"))
        .collect();
    assert_eq!(
        counted,
        ["dormouse_call_attempts_total{outcome=\"secret-denied\"} 5"]
    );
    // What is granted then is sent, as the text says.
    host.set_secret("unknown", VALUE, &sending(service.url()));
    let run = host.script(&call(service.url(), "unknown"));
    assert_eq!(run.output()["status"], 200);
}

#[test]
fn if_one_secret_is_denied_no_secret_is_sent() {
    let host = host(&[]);
    let service = Service::answering(&[200]);
    host.set_secret("crm", VALUE, &sending(service.url()));
    let run = host.script(&json!({"call": {"url": service.url(), "secret_headers": [
        ["Authorization", "Bearer ", "crm"], ["X-Key", "", "unknown"],
    ]}}));
    assert_eq!(run.output(), json!({"error": "denied"}));
    assert_eq!(service.requests().len(), 0);
}

#[test]
fn a_secret_that_is_replaced_between_two_attempts_is_sent_as_it_is_then() {
    let host = host(&[]);
    let api = host.url();
    let service = Service::start(move |received| {
        if received.number > 0 {
            return Reply::status(200);
        }
        let origin = format!("http://{}", received.header("host").unwrap());
        let secret = json!({"value": OTHER, "uses": sending(&origin)});
        let replaced = request("PUT", format!("{api}/v1/secrets/crm")).json(&secret);
        replaced.send().expect(200);
        Reply::status(503)
    });
    host.set_secret("crm", VALUE, &sending(service.url()));
    let run = host.script(&call(service.url(), "crm"));
    assert_eq!(run.output()["status"], 200);
    let requests = service.requests();
    let told: Vec<_> = requests
        .iter()
        .map(|request| request.header("authorization"))
        .collect();
    let (first, second) = (bearer(VALUE), bearer(OTHER));
    assert_eq!(told, [Some(first.as_str()), Some(second.as_str())]);
    let keys: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
}

#[test]
fn a_secret_that_is_deleted_between_two_attempts_is_denied() {
    let host = host(&[]);
    let api = host.url();
    let service = Service::start(move |_| {
        request("DELETE", format!("{api}/v1/secrets/crm"))
            .send()
            .expect(204);
        Reply::status(503)
    });
    host.set_secret("crm", VALUE, &sending(service.url()));
    let run = host.script(&call(service.url(), "crm"));
    assert_eq!(run.output(), json!({"error": "denied"}));
    assert_eq!(service.requests().len(), 1);
}

/// However often the host is started without it, and with no attempt to spare: none of it is the workflow's fault.
#[test]
fn a_call_waits_for_the_hosts_key_and_then_goes_on() {
    let keys = NamedTempFile::new().unwrap();
    fs::write(keys.path(), KEY).unwrap();
    let with_key = [
        "--allow-private-egress",
        "--secret-key-file",
        keys.path().to_str().unwrap(),
    ];
    let mut host = Host::with(&with_key);
    let service = Service::answering(&[200]);
    host.set_secret("crm", VALUE, &sending(service.url()));
    host.kill();

    let mut host = host.resume_with(&["--allow-private-egress"]);
    let calls = [1, 5].map(|attempts| {
        let mut form = call(service.url(), "crm");
        form["call"]["attempts"] = attempts.into();
        host.script(&form)
    });
    for starts in 1..=6 {
        if starts > 1 {
            host.restart();
        }
        for run in &calls {
            wait_until("a call that waits for its secret", || {
                let log = host.log();
                let lines = log.lines().filter(|line| line.contains(run.id()));
                let waits = lines.filter(|line| line.contains("waits for its secret"));
                (waits.count() == starts).then_some(())
            });
            assert_eq!(run.status(), "running");
        }
    }
    assert_eq!(service.requests().len(), 0);

    host.kill();
    let _host = host.resume_with(&with_key);
    for run in &calls {
        assert_eq!(run.output()["status"], 200);
    }
    let requests = service.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(
            request.header("authorization"),
            Some(bearer(VALUE).as_str())
        );
    }
}
