//! Runs that have failed and are retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use dormouse_e2e::{Answer, Cli, Host, Reply, Run, Service, guest, post, request, wait_until};
use serde_json::{Value, json};

/// Returns a service whose status the test sets.
fn service(status: u16) -> (Service, Arc<AtomicU16>) {
    let now = Arc::new(AtomicU16::new(status));
    let told = now.clone();
    let service = Service::start(move |_| Reply::status(told.load(Ordering::SeqCst)));
    (service, now)
}

fn keys(service: &Service) -> Vec<String> {
    let requests = service.requests();
    let keys = requests
        .iter()
        .map(|request| request.header("idempotency-key").unwrap().to_owned());
    keys.collect()
}

fn charge(service: &Service) -> Value {
    json!({"call": {
        "method": "POST", "url": service.url(), "body": "1", "attempts": 2, "delay_ms": 1, "error_for_status": true,
    }, "as": "charge"})
}

fn retry(run: &Run, body: &Value) -> Answer {
    run.post("/retry", body.to_string())
}

fn deploy_another(host: &Host, mark: u8) -> String {
    let mut component = guest("script");
    component.extend([0, 3, 1, b'x', mark]);
    let answer = host.upload("script", &component).expect(201).json();
    answer["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_call_that_failed_a_run_is_made_again_and_nothing_else() {
    let (fine, _) = service(200);
    let (broken, status) = service(422);
    let mut host = Host::start();
    let script = json!({"seq": [
        {"call": {"method": "POST", "url": fine.url(), "body": "once"}},
        charge(&broken),
        {"step": "after", "value": 3},
    ]});
    let run = host.script(&script);
    run.failure();
    assert_eq!((fine.requests().len(), broken.requests().len()), (1, 1));
    let id = run.id().to_owned();
    host.restart();
    let run = host.run(&id);
    assert_eq!(run.status(), "failed");

    // The call that failed it is named, with the command that makes it again, and the one that went well is not.
    let bad = run.show()["bad_answers"].clone();
    let expected = json!([{
        "operation": 1, "kind": "call", "step": "charge", "answer": "status 422", "again": true,
        "command": format!("dormouse retry {id}"),
    }]);
    assert_eq!(bad, expected);
    let shown = Cli::of(&host).run(&["show", &id]).ok();
    assert!(shown.contains("bad answers"), "{shown}");

    // The world has not changed: it fails again, which is one failed try more.
    retry(&run, &json!({})).expect(200);
    wait_until("it fails again", || {
        (run.show()["tries"] == 1 && run.status() == "failed").then_some(())
    });
    status.store(200, Ordering::SeqCst);
    let retried = Cli::of(&host).run(&["retry", &id]).ok();
    assert!(retried.contains("goes on"), "{retried}");
    assert_eq!(run.output()[2], 3);
    assert_eq!(run.show()["tries"], 2);
    assert_eq!(run.show()["failure"], Value::Null);
    // What was taken back is kept as failed tries, the one that failed for the first time too.
    let kept = run.show()["failed_tries"].clone();
    let codes = kept.as_array().unwrap().iter();
    let codes: Vec<_> = codes
        .map(|failed| (failed["tries"].clone(), failed["failure"]["code"].clone()))
        .collect();
    assert_eq!(
        codes,
        [
            (json!(0), json!("http-status")),
            (json!(1), json!("http-status"))
        ]
    );
    assert_eq!(fine.requests().len(), 1, "what went well is not repeated");
    // Each refusal was an answer, so that whoever gave it must not take the next call for a repeat.
    let keys = keys(&broken);
    assert_eq!(keys[1], format!("{}-1", keys[0]));
    assert_eq!(keys[2], format!("{}-2", keys[0]));
    retry(&run, &json!({})).expect_problem(409, "run-ended");
}

#[test]
fn a_call_without_a_definite_answer_keeps_its_key_and_the_workflows_own_stays() {
    let (broken, status) = service(503);
    let host = Host::start();
    let run = host.script(&charge(&broken));
    run.failure();
    let mut own = charge(&broken);
    own["call"]["idempotency_key"] = json!("mine");
    status.store(422, Ordering::SeqCst);
    let other = host.script(&own);
    other.failure();
    status.store(200, Ordering::SeqCst);
    retry(&run, &json!({})).expect(200);
    run.output();
    retry(&other, &json!({})).expect(200);
    other.output();
    let keys = keys(&broken);
    assert_eq!(keys.len(), 5, "{keys:?}");
    assert_eq!((&keys[0], &keys[0]), (&keys[1], &keys[3]));
    assert_eq!((keys[2].as_str(), keys[4].as_str()), ("mine", "mine"));
}

#[test]
fn a_retry_without_change_is_refused_and_corrected_code_gets_the_same_results() {
    let (fine, _) = service(404);
    let host = Host::start();
    let first = host.deploy("script", "script");
    let script = json!({"seq": [
        {"webhook": "a"},
        {"call": {"url": fine.url(), "attempts": 1}, "as": "look"},
        {"wait": "a"},
        {"notify": "nobody waits"},
        {"version": {(first.as_str()): {"fail": {"code": "no", "message": "no"}}}, "else": {"step": "mended", "value": 2}},
    ]});
    // The notify is waited for, so that the run fails in an activation of its own, which is given no error.
    let run = host.start_run("script", &script);
    post(run.hook("a"), "one").expect(202);
    run.failure();
    let problem = retry(&run, &json!({})).expect_problem(409, "same-again");
    let bad = &run.show()["bad_answers"][0];
    assert_eq!(
        (&bad["step"], &bad["again"]),
        (&json!("look"), &json!(false))
    );
    assert_eq!(bad["answer"], "status 404");
    let command = format!("dormouse retry --from {} {}", bad["operation"], run.id());
    assert_eq!(bad["command"], command);
    for named in ["\"look\" (status 404)", command.as_str()] {
        assert!(problem.detail().contains(named), "{}", problem.detail());
    }
    assert_eq!(fine.requests().len(), 1);

    let second = deploy_another(&host, 1);
    let dry = retry(&run, &json!({"dry_run": true})).expect(200).json();
    assert_eq!(dry["version"], second);
    assert_eq!(run.status(), "failed");
    retry(&run, &json!({})).expect(200);
    let output = run.output();
    assert_eq!(output[2]["body"], "b25l", "{output}");
    assert_eq!(output[4], 2);
    assert_eq!(fine.requests().len(), 1);
    assert_eq!(run.show()["version"], second);
}

#[test]
fn only_answers_of_the_failed_activation_were_sent_and_they_stay() {
    let mut host = Host::start();
    let first = host.deploy("script", "script");
    let answer = |body: &str| json!({"respond": {"status": 201, "body": body}});
    let script = json!({"seq": [
        {"webhook": "a", "options": {"reply": {"from-workflow": 20_000}}},
        {"wait": "a"},
        {"version": {(first.as_str()): answer("first")}, "else": answer("second")},
        {"join": [
            {"start": {"workflow": "script", "input": {"step": "child", "value": 1}}, "as": "child"},
            {"version": {(first.as_str()): {"fail": {"code": "no", "message": "no"}}}, "else": {"step": "mended", "value": 0}},
        ]},
        {"await-run": "child"},
    ]});
    let run = host.start_run("script", &script);
    let hook = run.hook("a");
    let keyed = |hook: &str| {
        let asked = request("POST", hook).header("idempotency-key", "1");
        asked.body("one").send().expect(201)
    };
    assert_eq!(keyed(&hook).text(), "first");
    run.failure();
    let all = |host: &Host| {
        let page = host.get("/v1/runs?workflow=script").expect(200).json();
        page["runs"].as_array().unwrap().len()
    };
    let id = run.id().to_owned();
    host.restart();
    assert_eq!(all(&host), 1, "the child was not started");
    deploy_another(&host, 1);
    let run = host.run(&id);
    retry(&run, &json!({})).expect(200);
    assert_eq!(run.output()[4], json!({"completed": 1}));
    assert_eq!(all(&host), 2);
    // Its caller was answered, and is answered the same again.
    let hook = hook.replace(hook.split("/hooks/").next().unwrap(), &host.url());
    assert_eq!(keyed(&hook).text(), "first");
}

#[test]
fn the_url_of_a_failed_run_is_closed_for_now_and_open_again_after_a_retry() {
    let (broken, status) = service(500);
    let host = Host::start();
    let script = json!({"seq": [
        {"webhook": "a"},
        {"wait": "a"},
        charge(&broken),
        {"wait": "a"},
    ]});
    let run = host.script(&script);
    let hook = run.hook("a");
    let keyed = |key: &str| {
        request("POST", &hook)
            .header("idempotency-key", key)
            .body("x")
            .send()
    };
    keyed("1").expect(202);
    run.failure();
    let refused = keyed("2").expect_problem(503, "run-failed");
    assert!(refused.header("retry-after").is_some());
    run.notify("e", "{}").expect_problem(503, "run-failed");
    let repeat = keyed("1").expect(202);
    assert_eq!(repeat.json()["duplicate"], true);
    request("HEAD", &hook).send().expect(200);

    status.store(200, Ordering::SeqCst);
    retry(&run, &json!({})).expect(200);
    wait_until("it takes requests again", || {
        (keyed("2").status == 202).then_some(())
    });
    run.output();
    keyed("3").expect_problem(410, "webhook-gone");
}

#[test]
fn a_failed_run_is_given_up_by_a_cancel_a_delete_and_with_time() {
    let mut host = Host::start();
    let failing = json!({"seq": [
        {"webhook": "a"},
        {"start": {"workflow": "script", "input": {"sleep": 60_000_000}}, "as": "child"},
        {"wait": "a"},
        {"fail": {"code": "no", "message": "no"}},
    ]});
    let fail = |host: &Host| {
        let run = host.script(&failing);
        let hook = run.hook("a");
        post(&hook, "x").expect(202);
        run.failure();
        let page = host.get(&format!("/v1/runs?parent={}", run.id()));
        let child = page.expect(200).json()["runs"][0]["id"].clone();
        (run, hook, host.run(child.as_str().unwrap()))
    };
    let (run, hook, child) = fail(&host);
    child.wait_for_status("suspended");
    assert_eq!(run.cancel().expect(200).json()["status"], "failed");
    child.wait_for_status("cancelled");
    post(&hook, "x").expect_problem(410, "webhook-gone");
    retry(&run, &json!({"anyway": true})).expect_problem(409, "run-ended");
    assert_eq!(run.status(), "failed");

    let (run, hook, child) = fail(&host);
    request("DELETE", format!("{}/v1/runs/{}", host.url(), run.id()))
        .send()
        .expect(200);
    child.wait_for_status("cancelled");
    post(&hook, "x").expect_problem(410, "webhook-gone");

    host = Host::with(&["--allow-private-egress", "--broken-retention", "1ms"]);
    let (run, hook, child) = fail(&host);
    child.wait_for_status("cancelled");
    post(&hook, "x").expect_problem(410, "webhook-gone");
    retry(&run, &json!({"anyway": true})).expect_problem(409, "run-ended");
}

#[test]
fn a_call_that_may_be_made_once_is_not_made_again_if_it_may_have_arrived() {
    let service = Service::start(|_| Reply::HangUp);
    let host = Host::start();
    let once = json!({"seq": [
        {"call": {"url": service.url(), "attempts": 1}, "as": "once"},
        {"fail": {"code": "no", "message": "no"}},
    ]});
    let run = host.script(&once);
    run.failure();
    let problem = retry(&run, &json!({})).expect_problem(409, "at-most-once");
    assert!(
        problem.detail().contains("\"once\""),
        "{}",
        problem.detail()
    );
    assert_eq!(service.requests().len(), 1);
}

#[test]
fn waits_go_on_after_a_retry_and_what_arrived_meanwhile_is_seen() {
    let (broken, status) = service(500);
    let mut host = Host::start();
    let script = json!({"join": [
        {"seq": [
            {"start": {"workflow": "script", "leave": true, "input": {"seq": [{"webhook": "c"}, {"wait": "c"}, {"step": "s", "value": 5}]}},
             "as": "child"},
            {"await-run": "child"},
        ]},
        {"event": "e"},
        {"sleep": 60_000_000},
        {"seq": [{"webhook": "a"}, {"wait": "a"}, charge(&broken), {"cancel-run": "child"}, {"fail": {"code": "end", "message": ""}}]},
    ]});
    let run = host.script(&script);
    let child = wait_until("a child", || {
        let page = host.get(&format!("/v1/runs?parent={}", run.id()));
        let id = page.expect(200).json()["runs"][0]["id"].clone();
        id.as_str().map(str::to_owned)
    });
    post(run.hook("a"), "x").expect(202);
    run.failure();
    // What it has left ends while it is failed, and it hears of that after the retry.
    let child = host.run(&child);
    post(child.hook("c"), "x").expect(202);
    child.output();
    let id = run.id().to_owned();
    host.restart();
    let run = host.run(&id);
    status.store(200, Ordering::SeqCst);
    retry(&run, &json!({})).expect(200);
    let (code, _) = run.failure();
    assert_eq!(code, "end");
    let journal = run.journal().to_string();
    assert!(journal.contains("completed"), "{journal}");
}

#[test]
fn runs_that_end_with_a_failed_run_are_held_until_it_is_retried() {
    let (fine, _) = service(200);
    let (broken, status) = service(500);
    let mut host = Host::start();
    host.deploy("script", "script");
    let call = json!({"call": {"method": "POST", "url": fine.url(), "body": "1"}});
    let child = json!({"seq": [{"webhook": "c"}, {"wait": "c"}, call]});
    let run = host.script(&json!({"join": [
        {"invoke": {"workflow": "script", "input": child}},
        {"seq": [{"webhook": "a"}, {"wait": "a"}, charge(&broken)]},
    ]}));
    let child = wait_until("a child that waits", || {
        let page = host.get(&format!("/v1/runs?parent={}", run.id()));
        let child = page.expect(200).json()["runs"][0].clone();
        (child["status"] == "suspended").then(|| child["id"].as_str().unwrap().to_owned())
    });
    post(run.hook("a"), "x").expect(202);
    run.failure();
    let held = host.run(&child);
    assert_eq!(held.show()["held_by"], run.id());
    post(held.hook("c"), "x").expect(202);
    let shown = Cli::of(&host).run(&["show", &child]).ok();
    assert!(shown.contains("which is paused or has failed"), "{shown}");
    let problem = held.post("/resume", "").expect_problem(409, "paused-above");
    assert!(problem.detail().contains(run.id()), "{}", problem.detail());
    let id = run.id().to_owned();
    host.restart();
    let (run, held) = (host.run(&id), host.run(&child));
    assert_eq!(held.status(), "suspended");
    assert_eq!((held.queued(), fine.requests().len()), (1, 0));

    status.store(200, Ordering::SeqCst);
    retry(&run, &json!({})).expect(200);
    assert_eq!(run.output()[0]["completed"][2]["status"], 200);
    assert_eq!(held.show()["held_by"], Value::Null);
    assert_eq!(fine.requests().len(), 1);
}

#[test]
fn a_tree_is_retried_from_the_bottom_up_and_a_delivered_failure_is_not_taken_back() {
    let (broken, status) = service(500);
    let mut host = Host::start();
    host.deploy("script", "script");
    let invoke =
        |input: Value| json!({"invoke": {"workflow": "script", "or_fail": true, "input": input}});
    let run = host.script(&invoke(invoke(charge(&broken))));
    run.failure();
    let below = |id: &str, host: &Host| {
        let page = host.get(&format!("/v1/runs?parent={id}"));
        let id = page.expect(200).json()["runs"][0]["id"].clone();
        id.as_str().unwrap().to_owned()
    };
    let id = run.id().to_owned();
    host.restart();
    let (run, middle) = (host.run(&id), host.run(&below(&id, &host)));
    let leaf = host.run(&below(middle.id(), &host));
    assert_eq!(
        (middle.status(), leaf.status()),
        ("failed".into(), "failed".into())
    );
    status.store(200, Ordering::SeqCst);
    retry(&run, &json!({})).expect(200);
    assert_eq!(run.output()["status"], 200);
    assert_eq!(
        (
            leaf.output()["status"].clone(),
            middle.show()["tries"].clone()
        ),
        (json!(200), json!(1))
    );

    // A parent that has dealt with a failure.
    status.store(500, Ordering::SeqCst);
    let run = host.script(&json!({"seq": [
        {"invoke": {"workflow": "script", "input": charge(&broken)}},
        {"event": "never"},
    ]}));
    run.wait_for_steps(&["never"]);
    let child = host.run(&below(run.id(), &host));
    let problem = retry(&child, &json!({})).expect_problem(409, "failure-told");
    assert!(problem.detail().contains(run.id()), "{}", problem.detail());
    status.store(200, Ordering::SeqCst);
    retry(&child, &json!({"anyway": true})).expect(200);
    child.output();
    run.cancel().expect(200);
}

#[test]
fn labels_of_an_activation_that_is_taken_back_are_those_of_the_next_try() {
    let mut host = Host::start();
    let first = host.deploy("script", "script");
    let script = json!({"seq": [
        {"label": {"phase": "begun"}},
        {"webhook": "a"},
        {"wait": "a"},
        {"version": {(first.as_str()): {"seq": [
            {"label": {"phase": "refused", "why": "stock"}},
            {"fail": {"code": "no", "message": "no"}},
        ]}}, "else": {"label": {"phase": "mended"}}},
        {"wait": "a"},
    ]});
    let run = host.start_run("script", &script);
    post(run.hook("a"), "one").expect(202);
    run.failure();
    let failed = json!({"phase": "refused", "why": "stock"});
    assert_eq!(run.show()["labels"], failed);
    let id = run.id().to_owned();
    host.restart();
    deploy_another(&host, 1);
    let run = host.run(&id);
    retry(&run, &json!({})).expect(200);
    run.wait_for_status("suspended");
    // A run never loses the key of a label, and the last value that it set counts.
    let mended = json!({"phase": "mended", "why": "stock"});
    wait_until("the next try's labels", || {
        (run.show()["labels"] == mended).then_some(())
    });
    let found = |label: &str| {
        let page = host
            .get(&format!("/v1/runs?label={label}"))
            .expect(200)
            .json();
        page["runs"].as_array().unwrap().len()
    };
    assert_eq!((found("phase:mended"), found("phase:refused")), (1, 0));
    // They stay right when the journal is repeated.
    host.restart();
    let run = host.run(&id);
    let hook = run.hook("a");
    post(&hook, "two").expect(202);
    run.output();
    assert_eq!(run.show()["labels"], mended);
}
