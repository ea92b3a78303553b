//! The host is killed (SIGKILL) at every point of a run's life. Nothing that was promised is lost or done twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dormouse_e2e::{Host, Reply, Run, Service, body, pause, post, request, wait_until};
use serde_json::{Value, json};

use crate::forms::{go, waits_after_go};

/// Kills and restarts the host. What the journal had before is what it begins with after.
#[track_caller]
fn crash(host: &mut Host, run: &Run) {
    let activations = |run: &Run| run.journal()["activations"].as_array().unwrap().clone();
    let before = activations(run);
    host.restart();
    let after = activations(run);
    assert_eq!(after[..before.len()], before[..]);
}

/// Returns the keys under which a service was called.
fn keys(service: &Service) -> BTreeSet<String> {
    let requests = service.requests();
    requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned())
        .collect()
}

#[test]
fn a_restart_at_every_point() {
    let answers = Arc::new(AtomicBool::new(false));
    let service = {
        let answers = answers.clone();
        Service::start(move |_| match answers.load(Ordering::SeqCst) {
            false => Reply::Hang,
            true => Reply::status(200).body("served"),
        })
    };
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"},
        {"random": 8}, {"now": true},
        {"call": {"method": "POST", "url": service.url(), "delay_ms": 10}},
        {"wait": "a", "as": "first"},
        {"step": "compute", "value": 42}, {"log": "computed"},
        {"event": "on"},
        {"wait": "a", "as": "queued"},
        {"sleep": 1_500, "as": "nap"},
        {"random": 8}, {"now": true},
    ]}));
    // Pending: nothing of it but its start has been answered.
    crash(&mut host, &run);
    // Calling.
    service.wait_for(1);
    answers.store(true, Ordering::SeqCst);
    crash(&mut host, &run);
    run.wait_for_steps(&["first"]);
    // Waiting.
    crash(&mut host, &run);
    post(run.hook("a"), "one").expect(202);
    run.wait_for_steps(&["on"]);
    // With a queued request.
    post(run.hook("a"), "two").expect(202);
    crash(&mut host, &run);
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 1);
    run.notify("on", "").expect(202);
    // Sleeping.
    run.wait_for_operation("nap");
    crash(&mut host, &run);
    let output = run.output();
    // After the end.
    crash(&mut host, &run);
    assert_eq!(run.output(), output);

    assert_eq!(body(&output[3]), "served");
    assert_eq!(
        (body(&output[4]), body(&output[8])),
        ("one".into(), "two".into())
    );
    assert_eq!(output[5], 42);
    assert_ne!(output[1], output[10], "randomness goes on where it was");
    assert!(output[11].as_u64().unwrap() >= output[2].as_u64().unwrap() + 1_500);
    let lines = run.logs();
    assert_eq!(lines["lines"].as_array().unwrap().len(), 1, "{lines}");
    assert_eq!(
        keys(&service).len(),
        1,
        "one call, however often it was sent"
    );
}

#[test]
fn a_run_lives_through_kills_at_any_moment() {
    let service = Service::start(|request| Reply::status(200).body(&request.body));
    let mut host = Host::start();
    let round = json!({"seq": [
        // Each kill may cut the same attempt off, and that counts.
        {"call": {"method": "POST", "url": service.url(), "body": "${a.url}", "attempts": 50, "delay_ms": 10}},
        {"step": "s", "value": [1, 2]},
        {"random": 4},
        {"race": [{"sleep": 5}, {"wait": "a"}]},
    ]});
    let run = host
        .script(&json!({"seq": [{"webhook": "a"}, {"repeat": 60, "do": round}, {"now": true}]}));
    let mut kills = 0;
    while run.show()["status"] != "completed" && kills < 12 {
        pause(Duration::from_millis(60 + 17 * kills));
        crash(&mut host, &run);
        kills += 1;
    }
    let output = run.output();
    assert!(
        kills >= 2,
        "the run was over too soon to be killed: make it longer"
    );
    let rounds = output[1].as_array().unwrap();
    assert_eq!(rounds.len(), 60);
    for round in rounds {
        assert_eq!(body(&round[0]), output[0].as_str().unwrap());
        assert_eq!(
            (&round[1], &round[3]),
            (&json!([1, 2]), &json!([null, "lost"]))
        );
    }
    let mut drawn: Vec<&Value> = rounds.iter().map(|round| &round[2]).collect();
    drawn.sort_by_key(|drawn| drawn.as_str());
    drawn.dedup();
    assert_eq!(drawn.len(), 60, "no randomness is drawn twice");
    assert_eq!(
        keys(&service).len(),
        60,
        "one key for each call, however often it was sent"
    );
}

#[test]
fn kills_while_it_starts_do_no_harm() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"wait": "a"}]}));
    let hook = run.hook("a");
    post(&hook, "one").expect(202);
    host.kill();
    for moment in 0..10 {
        host.launch();
        pause(Duration::from_millis(6 * moment));
        host.kill();
    }
    host.resume();
    post(&hook, "two").expect(202);
    let output = run.output();
    assert_eq!(
        (body(&output[1]), body(&output[2])),
        ("one".into(), "two".into())
    );
}

#[test]
fn nothing_acknowledged_is_lost() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"event": "go"}, {"repeat": 1_000, "do": {"wait": "a", "ms": 0}},
    ]}));
    let hook = run.hook("a");
    let killed = AtomicBool::new(false);
    let call_until_killed = |caller: u32| {
        let mut acknowledged = Vec::new();
        for number in 0.. {
            let call = format!("{caller}/{number:04}");
            match request("POST", &hook).body(&call).try_send() {
                Ok(answer) if answer.status == 202 => acknowledged.push(call),
                Ok(answer) => panic!("{}", answer.text()),
                Err(_) => break,
            }
        }
        assert!(
            killed.load(Ordering::SeqCst),
            "only a killed host does not answer"
        );
        acknowledged
    };
    let acknowledged: Vec<Vec<String>> = thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|caller| scope.spawn(move || call_until_killed(caller)))
            .collect();
        wait_until("some calls", || {
            (run.webhooks()["webhooks"][0]["queued"].as_u64() > Some(40)).then_some(())
        });
        killed.store(true, Ordering::SeqCst);
        host.kill();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    host.resume();
    go(&run);

    let output = run.output();
    let deliveries = output[2]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| !delivery.is_null());
    let taken: Vec<String> = deliveries.map(body).collect();
    for (caller, acknowledged) in acknowledged.iter().enumerate() {
        let own = taken
            .iter()
            .filter(|call| call.starts_with(&format!("{caller}/")));
        let own: Vec<_> = own.collect();
        // One more may have become durable whose answer was cut off.
        assert!(own.len() <= acknowledged.len() + 1, "{own:?}");
        assert!(
            own.into_iter().take(acknowledged.len()).eq(acknowledged),
            "in order and none missing"
        );
    }
}

#[test]
fn an_accepted_start_is_not_lost() {
    let mut host = Host::start();
    host.deploy("script", "script");
    let runs: Vec<Run> = (0..10)
        .map(|number| host.start_run("script", &json!({"step": "s", "value": number})))
        .collect();
    host.restart();
    for (number, run) in runs.iter().enumerate() {
        assert_eq!(run.output(), number);
    }
}

#[test]
fn a_start_and_its_key_survive_a_crash() {
    let mut host = Host::start();
    host.deploy("script", "script");
    let start = |host: &Host| {
        let start = host
            .request("POST", "/v1/workflows/script/runs")
            .header("idempotency-key", "k");
        start.json(&waits_after_go(1)).send()
    };
    let first = start(&host).expect(202).field("id");
    host.restart();
    assert_eq!(start(&host).expect(200).field("id"), first);
}
