//! The examples do what their READMEs say.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use dormouse_e2e::{
    Host, Reply, Run, Service, Stopwatch, post, request, wait_until, with_enough_time,
};
use serde_json::{Value, json};

#[track_caller]
fn start(host: &Host, example: &str, input: &Value) -> Run {
    host.deploy(example, example);
    host.start_run(example, input)
}

fn accepting() -> Service {
    Service::answering(&[202])
}

#[test]
fn progress_collects_updates_until_the_last() {
    let service = accepting();
    let mut host = Host::start();
    let run = start(
        &host,
        "progress",
        &json!({"service_url": service.url(), "timeout_ms": 600_000}),
    );
    let hook = service.wait_for(1)[0].field("webhookUrl");
    let update = |percent: u8| request("POST", &hook).json(&json!({"percent": percent}));
    update(0).send().expect(202);
    host.restart();
    update(50).send().expect(202);
    update(100)
        .header("x-task-finished", "true")
        .send()
        .expect(202);
    assert_eq!(
        run.output(),
        json!([{"percent": 0}, {"percent": 50}, {"percent": 100}])
    );
}

#[test]
fn progress_ends_when_no_update_comes_in_time() {
    let host = Host::start();
    host.deploy("progress", "progress");
    with_enough_time("an update in time", 1_500, |time| {
        let service = accepting();
        let watch = Stopwatch::start();
        let input = json!({"service_url": service.url(), "timeout_ms": time});
        let run = host.start_run("progress", &input);
        let hook = service.wait_for(1)[0].field("webhookUrl");
        let answer = request("POST", &hook).json(&json!({"percent": 10})).send();
        if watch.elapsed() >= Duration::from_millis(time) {
            return None;
        }
        answer.expect(202);
        assert_eq!(run.output(), json!([{"percent": 10}]));
        Some(())
    });
}

#[test]
fn progress_fails_when_the_service_refuses_the_job() {
    let service = Service::answering(&[400]);
    let host = Host::start();
    let run = start(
        &host,
        "progress",
        &json!({"service_url": service.url(), "timeout_ms": 1_000}),
    );
    assert_eq!(run.failure().0, "http-status");
}

fn approval(host: &Host, service: &Service, reminder_ms: u64, deadline_ms: u64) -> Run {
    let input = json!({
        "notify_url": service.url(), "reminder_ms": reminder_ms, "deadline_ms": deadline_ms, "subject": "New laptop",
    });
    start(host, "approval", &input)
}

#[test]
fn approval_is_approved() {
    let service = accepting();
    let host = Host::start();
    let run = approval(&host, &service, 600_000, 600_000);
    let asked = &service.wait_for(1)[0];
    assert_eq!(
        (asked.field("kind"), asked.field("subject")),
        ("request".into(), "New laptop".into())
    );
    post(asked.field("approveUrl"), "").expect(202);
    assert_eq!(
        run.output(),
        json!({"decision": "approved", "reminders": 0})
    );
    post(asked.field("rejectUrl"), "").expect(410);
}

#[test]
fn approval_is_rejected_after_reminders() {
    let service = accepting();
    let mut host = Host::start();
    let run = approval(&host, &service, 300, 600_000);
    let asked = service.wait_for(3);
    host.restart();
    for reminder in &asked[1..3] {
        assert_eq!(reminder.field("kind"), "reminder");
        assert_eq!(reminder.field("rejectUrl"), asked[0].field("rejectUrl"));
    }
    post(asked[0].field("rejectUrl"), "").expect(202);
    let output = run.output();
    assert_eq!(output["decision"], "rejected");
    let sent = service
        .requests()
        .iter()
        .filter(|request| request.field("kind") == "reminder")
        .count();
    assert!(
        output["reminders"].as_u64() >= Some(2) && sent >= 2,
        "{output}, {sent} sent"
    );
}

#[test]
fn approval_expires_after_its_reminders() {
    let service = accepting();
    let host = Host::start();
    let run = approval(&host, &service, 400, 1_500);
    let output = run.output();
    assert_eq!(output["decision"], "expired");
    // Each wait between them is at least as long as was asked for.
    let reminders = output["reminders"].as_u64().unwrap();
    assert!((1..=3).contains(&reminders), "{output}");
    assert_eq!(service.requests().len() as u64, 1 + reminders);
}

#[test]
fn fan_out_gathers_20_results_by_index() {
    let service = Service::start(|part| {
        let (hook, index) = (
            part.field("webhookUrl"),
            part.json()["index"].as_u64().unwrap(),
        );
        // The later ones are done first, and some before they are asked for.
        let report = move || {
            request("POST", hook)
                .json(&json!({"part": index}))
                .send()
                .expect(202)
        };
        if index % 3 == 0 {
            report();
        } else {
            thread::spawn(report);
        }
        Reply::status(202)
    });
    let host = Host::start();
    let run = start(
        &host,
        "fan-out",
        &json!({"service_url": service.url(), "count": 20}),
    );
    let expected: Vec<Value> = (0..20).map(|index| json!({"part": index})).collect();
    assert_eq!(run.output(), json!(expected));
    assert_eq!(service.requests().len(), 20);
}

#[test]
fn a_workflow_without_the_sdk_works_as_well() {
    let mut host = Host::start();
    let run = start(&host, "bare", &json!(null));
    run.wait_for_steps(&["bare"]);
    assert_eq!(run.logs()["lines"][0]["message"], run.hook("bare"));
    host.restart();
    let answer = request("POST", run.hook("bare"))
        .header("content-type", "text/plain")
        .body("hello");
    answer.send().expect(202);
    assert_eq!(run.end()["status"], "completed");
    let output = run.get("/output");
    assert_eq!(
        (output.header("content-type"), output.text()),
        (Some("text/plain"), "hello".into())
    );
}

/// Returns what the services of an order were asked to do, in order.
///
/// A call whose answer was not written down when the host died is sent again, with the same key, and counts once.
fn asked(service: &Service) -> Vec<String> {
    let mut keys = HashSet::new();
    let mut requests = service.requests();
    requests.retain(|request| keys.insert(request.header("idempotency-key").map(str::to_owned)));
    requests.iter().map(|request| request.field("do")).collect()
}

fn order(host: &Host, service: &Service) -> Run {
    host.deploy("parcel", "parcel");
    let url = service.url();
    let input = json!({
        "payment_url": url, "stock_url": url, "carrier_url": url, "amount": 2_400, "addresses": ["here", "there"],
    });
    start(host, "order", &input)
}

/// Returns the URLs by which the carrier says that the parcels are delivered.
fn callbacks(service: &Service) -> Vec<String> {
    let requests = service.wait_for(4);
    let collected = requests
        .iter()
        .filter(|request| request.field("do") == "collect");
    collected
        .map(|request| request.field("callbackUrl"))
        .collect()
}

#[test]
fn order_ships_each_parcel_by_a_run_of_its_own() {
    let service = accepting();
    let mut host = Host::start();
    let run = order(&host, &service);
    let callbacks = callbacks(&service);
    host.restart();
    for (number, hook) in callbacks.iter().enumerate() {
        let tracking = json!({"tracking": format!("t{number}")});
        request("POST", hook).json(&tracking).send().expect(202);
    }
    let output = run.output();
    assert_eq!(output["outcome"], "shipped");
    let mut tracking: Vec<&str> = output["tracking"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parcel| parcel["tracking"].as_str().unwrap())
        .collect();
    tracking.sort_unstable();
    assert_eq!(tracking, ["t0", "t1"]);
    assert_eq!(asked(&service), ["charge", "reserve", "collect", "collect"]);
}

#[test]
fn order_is_undone_in_reverse_when_it_is_cancelled() {
    let service = accepting();
    let host = Host::start();
    let run = order(&host, &service);
    callbacks(&service);
    run.post(
        "/cancel",
        r#"{"grace": "10m", "reason": "changed my mind"}"#,
    )
    .expect(200);
    assert_eq!(
        run.output(),
        json!({"outcome": "cancelled", "tracking": []})
    );
    assert_eq!(
        asked(&service)[4..],
        ["turn-back", "turn-back", "release", "refund"]
    );
}

#[test]
fn order_is_undone_and_fails_when_a_part_of_it_fails() {
    let service = Service::start(|request| match request.field("do").as_str() {
        "collect" if request.field("address") == "there" => Reply::status(422),
        _ => Reply::status(202),
    });
    let host = Host::start();
    let run = order(&host, &service);
    assert_eq!(run.failure().0, "http-status");
    let asked = asked(&service);
    assert_eq!(asked[asked.len() - 3..], ["turn-back", "release", "refund"]);
}

#[test]
fn subscription_charges_each_month_and_keeps_the_url_that_changes_the_plan() {
    let service = accepting();
    let mut host = Host::start();
    let input = json!({"billing_url": service.url(), "plan": "basic", "month_ms": 400});
    let run = start(&host, "subscription", &input);
    let url = service.wait_for(2)[0].field("changeUrl");
    post(&url, "no change").expect(202);
    request("POST", &url)
        .json(&json!({"plan": "premium"}))
        .send()
        .expect(202);
    host.restart();
    let charged = |plan: &str| {
        wait_until("a month of the plan to be charged", || {
            let requests = service.requests();
            let charged = requests.iter().any(|request| request.field("plan") == plan);
            charged.then_some(())
        });
    };
    charged("premium");
    request("POST", &url)
        .json(&json!({"plan": "small"}))
        .send()
        .expect(202);
    charged("small");
    run.post("/cancel", r#"{"grace": "10m", "reason": "moved away"}"#)
        .expect(200);
    let output = run.output();
    assert_eq!(
        (&output["outcome"], &output["plan"]),
        (&json!("ended"), &json!("small"))
    );
    let mut keys = HashSet::new();
    let mut requests = service.requests();
    requests.retain(|request| keys.insert(request.header("idempotency-key").map(str::to_owned)));
    let (last, charges) = requests.split_last().unwrap();
    assert_eq!(last.field("do"), "end");
    assert_eq!(output["months"], charges.len());
    for (number, charge) in charges.iter().enumerate() {
        assert_eq!(charge.json()["month"], number + 1);
        assert_eq!(charge.field("changeUrl"), url);
    }
    post(&url, "").expect(410);
}
