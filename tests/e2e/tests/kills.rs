//! The host is killed (SIGKILL) at random moments while callers repeat their requests until they are answered. Then
//! every acknowledged request must be accounted for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use dormouse_e2e::{Host, Reply, Run, SeededRng, Service, body, pause};
use serde_json::{Value, json};

use crate::callers::Callers;

/// Kills the host and starts it again, so often, while it is under load and sometimes while it starts.
fn kill_often(host: &mut Host, callers: &Callers, kills: u32, rng: &mut SeededRng) {
    for _ in 0..kills {
        pause(rng.time(20, 200));
        host.kill();
        if rng.below(4) == 0 {
            host.launch();
            pause(rng.time(0, 150));
            host.kill();
        }
        host.resume();
    }
    callers.is_over.store(true, Ordering::SeqCst);
}

/// Returns every run that the host knows, by id.
fn all_runs(host: &Host) -> BTreeMap<String, Value> {
    let mut runs = BTreeMap::new();
    let mut path = "/v1/runs?limit=500".to_owned();
    loop {
        let page = host.get(&path).expect(200).json();
        for run in page["runs"].as_array().unwrap() {
            runs.insert(run["id"].as_str().unwrap().to_owned(), run.clone());
        }
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/runs?limit=500&cursor={next}"),
            None => return runs,
        }
    }
}

fn bodies(deliveries: &Value) -> Vec<String> {
    let deliveries = deliveries.as_array().unwrap().iter();
    deliveries
        .filter(|taken| !taken.is_null())
        .map(body)
        .collect()
}

/// Holds what a run took, and what it left, against what was acknowledged.
#[track_caller]
fn account(
    callers: &Callers,
    run: &Run,
    takes: usize,
    mut acknowledged: BTreeSet<String>,
) -> usize {
    let hook = &run.hook("a");
    let shown = run.show();
    if shown["status"] == "suspended" {
        let webhook = run.webhooks()["webhooks"][0].clone();
        let kept = webhook["queued"].as_u64().unwrap() + webhook["delivered"].as_u64().unwrap();
        assert_eq!(kept, acknowledged.len() as u64, "{webhook}");
    }
    for number in 0.. {
        let call = format!("last-{number}");
        match callers.send_keyed(hook, &call).status {
            202 => assert!(acknowledged.insert(call)),
            status => {
                assert_eq!(status, 410);
                break;
            }
        }
    }
    let output = run.output();
    let taken = bodies(&output[1]);
    assert_eq!(taken.len(), takes);
    let untaken = run.show()["untaken"].as_u64().unwrap();
    let once = BTreeSet::from_iter(taken);
    assert_eq!(once.len(), takes, "none is taken twice");
    assert!(once.is_subset(&acknowledged), "none is made up");
    assert_eq!(
        acknowledged.len() as u64,
        takes as u64 + untaken,
        "none is lost"
    );
    acknowledged.len()
}

#[test]
fn everything_acknowledged_is_accounted_for() {
    let mut rng = SeededRng::new();
    let kills = SeededRng::times(30);
    let settings = ["--webhook-rate-limit", "100000", "--inbox-limit", "100000"];
    let mut host = Host::with(&settings);
    // Some end under load, and some are waiting when it is over.
    let takes: Vec<usize> = (1..=8).map(|number| 2 * number * kills as usize).collect();
    let collector =
        |takes| json!({"seq": [{"webhook": "a"}, {"repeat": takes, "do": {"wait": "a"}}]});
    let collectors: Vec<Run> = takes
        .iter()
        .map(|takes| host.script(&collector(takes)))
        .collect();
    let hooks: Vec<String> = collectors.iter().map(|run| run.hook("a")).collect();
    let ticking = host.script(
        &json!({"seq": [{"event": "go"}, {"repeat": 100 * kills, "do": {"event": "tick", "ms": 0}}]}),
    );
    let callers = Callers::of(&host);

    let (acknowledged, started, ticks) = thread::scope(|scope| {
        let clients: Vec<_> = ["one", "two", "three", "four"]
            .map(|name| {
                let (callers, hooks, rng) = (&callers, &hooks, rng.fork());
                scope.spawn(move || callers.call(name, hooks, rng))
            })
            .into();
        let starter = scope.spawn(|| callers.start_runs(|key| json!({"step": "s", "value": key})));
        let notifier = scope.spawn(|| callers.notify(&ticking));
        kill_often(&mut host, &callers, kills, &mut rng);
        let acknowledged: Vec<_> = clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect();
        (
            acknowledged,
            starter.join().unwrap(),
            notifier.join().unwrap(),
        )
    });

    let mut requests = 0;
    for (number, run) in collectors.iter().enumerate() {
        let own = acknowledged
            .iter()
            .flat_map(|client| client[number].clone());
        requests += account(&callers, run, takes[number], own.collect());
    }
    for (key, id) in &started {
        assert_eq!(host.run(id).output(), *key);
    }
    check_ticks(&ticking, &ticks);
    let runs = all_runs(&host);
    assert_eq!(
        runs.len(),
        collectors.len() + 1 + started.len(),
        "each start once"
    );
    assert!(
        runs.values().all(|run| run["status"] == "completed"),
        "{runs:#?}"
    );
    eprintln!(
        "{kills} kills and more: {requests} requests, {} starts and {} events acknowledged, in {} attempts",
        started.len(),
        ticks.len(),
        callers.attempts.load(Ordering::Relaxed)
    );
}

/// Each event that was acknowledged was taken, no more often than it was sent, and in order.
#[track_caller]
fn check_ticks(run: &Run, sent: &[u32]) {
    run.notify("go", "").expect(202);
    let taken: Vec<usize> = bodies(&run.output()[1])
        .iter()
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(taken.is_sorted());
    for (number, attempts) in sent.iter().enumerate() {
        let times = taken.iter().filter(|taken| **taken == number).count();
        assert!(
            times >= 1 && times <= *attempts as usize,
            "event {number}: {times} times"
        );
    }
}

/// Calls to a service; every other one may be attempted once only.
fn calls(service: &str, key: &str) -> Vec<Value> {
    let call = |number: u32| {
        let attempts = if is_single(number) { 1 } else { 50 };
        json!({"call": {
            "method": "POST", "url": service, "body": {"from": key, "number": number}, "attempts": attempts, "delay_ms": 5,
        }})
    };
    (0..10).map(call).collect()
}

fn is_single(number: u32) -> bool {
    number % 2 == 1
}

#[test]
fn a_call_has_one_key_and_a_single_attempt_is_single() {
    let mut rng = SeededRng::new();
    let kills = SeededRng::times(20);
    let hangs = Arc::new(AtomicBool::new(true));
    let service = {
        let hangs = hangs.clone();
        Service::start(move |request| {
            if hangs.load(Ordering::SeqCst) {
                return Reply::Hang;
            }
            pause(Duration::from_millis(15));
            Reply::status(200).body(&request.body)
        })
    };
    let mut host = Host::start();
    host.deploy("script", "script");
    let callers = Callers::of(&host);
    // Calls of both kinds are cut off here for certain, and later by chance.
    let cut_off = json!({"join": calls(service.url(), "cut off")});
    let cut_off = host.start_run("script", &cut_off).id().to_owned();
    service.wait_for(10);
    host.kill();
    hangs.store(false, Ordering::SeqCst);
    host.resume();
    let mut started = thread::scope(|scope| {
        let starter =
            scope.spawn(|| callers.start_runs(|key| json!({"seq": calls(service.url(), key)})));
        kill_often(&mut host, &callers, kills, &mut rng);
        starter.join().unwrap()
    });
    started.insert("cut off".into(), cut_off);
    let outputs: BTreeMap<&String, Value> = started
        .iter()
        .map(|(key, id)| (key, host.run(id).output()))
        .collect();

    let mut keys_by_call: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    for request in service.requests() {
        let key = request.header("idempotency-key").unwrap().to_owned();
        keys_by_call.entry(request.body).or_default().push(key);
    }
    let (mut repeated, mut interrupted) = (0, 0);
    for (key, output) in outputs {
        for (number, result) in (0..).zip(output.as_array().unwrap()) {
            let call = json!({"from": key, "number": number}).to_string();
            let attempts = keys_by_call.get(call.as_bytes()).map_or(0, Vec::len);
            if is_single(number) && *result == json!({"error": "interrupted"}) {
                assert!(attempts <= 1, "{call}: {attempts} attempts");
                interrupted += 1;
            } else {
                assert_eq!(body(result), call);
                assert!(
                    attempts == 1 || attempts > 1 && !is_single(number),
                    "{call}: {attempts} attempts"
                );
                repeated += usize::from(attempts > 1);
            }
        }
    }
    for keys in keys_by_call.values() {
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    }
    let different: BTreeSet<&String> = keys_by_call.values().map(|keys| &keys[0]).collect();
    assert_eq!(
        different.len(),
        keys_by_call.len(),
        "each call has a key of its own"
    );
    assert!(
        repeated > 0 && interrupted > 0,
        "no call was cut off: {repeated}, {interrupted}"
    );
    eprintln!(
        "{kills} kills and more: {} calls, {repeated} of them repeated, {interrupted} interrupted",
        keys_by_call.len()
    );
}

#[test]
fn a_workflow_answers_a_key_once_and_for_all() {
    let mut rng = SeededRng::new();
    let kills = SeededRng::times(15);
    let mut host = Host::start();
    let mut script = vec![json!({"webhook": "a", "options": {"reply": {"from-workflow": 10_000}}})];
    for number in 0..150 {
        script.push(json!({"wait": "a"}));
        script.push(json!({"respond": {"status": 200, "body": format!("answer {number}")}}));
    }
    let run = host.script(&json!({ "seq": script }));
    let hook = run.hook("a");
    let callers = Callers::of(&host);
    let mut answers: BTreeMap<String, String> = thread::scope(|scope| {
        let clients = ["one", "two"].map(|name| {
            let (callers, hook, rng) = (&callers, &hook, rng.fork());
            scope.spawn(move || callers.ask(name, hook, rng))
        });
        kill_often(&mut host, &callers, kills, &mut rng);
        clients
            .into_iter()
            .flat_map(|client| client.join().unwrap())
            .collect()
    });
    let under_load = answers.len();
    for number in 0.. {
        match callers.answer(&hook, &format!("last-{number}")) {
            Some(answer) => answers.insert(format!("last-{number}"), answer),
            None => break,
        };
    }

    let output = run.output();
    let taken = output
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .step_by(2)
        .map(body);
    let expected: BTreeMap<String, String> = taken
        .enumerate()
        .map(|(number, key)| (key, format!("answer {number}")))
        .collect();
    assert_eq!(
        answers, expected,
        "each answer went to whose request was taken for it"
    );
    for (key, answer) in &answers {
        assert_eq!(callers.answer(&hook, key).as_ref(), Some(answer), "{key}");
    }
    eprintln!("{kills} kills and more: {under_load} answers under load");
}
