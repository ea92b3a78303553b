//! Labels of runs: given at the start or by the run itself, shown, and kept by a restarted run.

use dormouse_e2e::{Answer, Host, post};
use serde_json::{Value, json};

fn start(host: &Host, query: &str) -> Answer {
    let path = format!("/v1/workflows/script/runs?{query}");
    let start = host.request("POST", &path);
    start.json(&json!({"step": "s", "value": 7})).send()
}

#[test]
fn labels_are_given_at_the_start_shown_and_kept() {
    let mut host = Host::start();
    host.deploy("script", "script");
    let id = start(&host, "label=customer:42&label=url:http://a%3Fb")
        .expect(202)
        .field("id");
    let labels = json!({"customer": "42", "url": "http://a?b"});
    assert_eq!(host.run(&id).output(), 7);
    assert_eq!(host.run(&id).show()["labels"], labels);
    assert_eq!(host.get("/v1/runs").json()["runs"][0]["labels"], labels);
    let again = post(format!("{}/v1/runs/{id}/restart", host.url()), "").expect(202);
    let again = again.field("id");
    assert_eq!(host.run(&again).show()["labels"], labels);
    host.restart();
    assert_eq!(host.run(&again).show()["labels"], labels);
}

#[test]
fn invalid_labels_are_refused_with_the_reason() {
    let host = Host::start();
    host.deploy("script", "script");
    for query in ["label=a", "label=:a", "label=a:1&label=a:1"] {
        start(&host, query).expect_problem(400, "invalid-query");
    }
    let many: Vec<String> = (0..17).map(|number| format!("label=k{number}:v")).collect();
    let problem = start(&host, &many.join("&")).expect_problem(422, "label-limit");
    assert!(
        problem.detail().contains("at most 16"),
        "{}",
        problem.detail()
    );
    start(&host, &many[..16].join("&")).expect(202);
    let problem = start(&host, &format!("label=k:{}", "v".repeat(257)));
    let problem = problem.expect_problem(422, "label-limit");
    assert!(
        problem.detail().contains("at most 256"),
        "{}",
        problem.detail()
    );
}

#[test]
fn a_run_labels_itself_across_a_kill() {
    let mut host = Host::start();
    host.deploy("script", "script");
    let found = |host: &Host, label: &str| {
        let page = host.get(&format!("/v1/runs?label={label}")).expect(200);
        page.json()["runs"].as_array().unwrap().len()
    };
    let path = "/v1/workflows/script/runs?label=customer:42&label=stage:new";
    let script = json!({"seq": [
        {"label": {"stage": "paid"}}, {"webhook": "a"}, {"wait": "a"},
        {"label": {"stage": "sent"}}, {"label": {"parcel": "v".repeat(257)}},
    ]});
    let start = host.request("POST", path).json(&script).send().expect(202);
    let id = start.field("id");
    host.run(&id).wait_for_status("suspended");
    let paid = json!({"customer": "42", "stage": "paid"});
    assert_eq!(host.run(&id).show()["labels"], paid);
    assert_eq!(
        (found(&host, "stage:new"), found(&host, "stage:paid")),
        (0, 1)
    );

    host.restart();
    let run = host.run(&id);
    assert_eq!(run.show()["labels"], paid);
    post(run.hook("a"), "").expect(202);
    assert_eq!(run.output()[4]["error"], "label-limit");
    let sent = json!({"customer": "42", "stage": "sent"});
    assert_eq!(run.show()["labels"], sent);
    assert_eq!(
        (found(&host, "stage:paid"), found(&host, "stage:sent")),
        (0, 1)
    );
    host.restart();
    assert_eq!(host.run(&id).show()["labels"], sent);
}

#[test]
fn a_child_gets_the_labels_that_its_parent_gives_it() {
    let mut host = Host::start();
    host.deploy("script", "script");
    let child = |labels: Value| {
        let input = json!({"step": "s", "value": 7});
        json!({"start": {"workflow": "script", "input": input, "labels": labels}, "as": "child"})
    };
    let run = host.start_run(
        "script",
        &json!({"seq": [
            child(json!({"order": "7", "tier": "gold"})),
            child(json!({"order": "v".repeat(257)})),
            child(json!({"": "no key"})),
            {"webhook": "a"}, {"wait": "a"},
        ]}),
    );
    run.wait_for_status("suspended");
    host.restart();
    let run = host.run(run.id());
    post(run.hook("a"), "").expect(202);
    let output = run.output();
    assert_eq!(output[1]["error"], "label-limit");
    assert_eq!(output[2]["error"], "invalid-label");
    let found = host.get("/v1/runs?label=order:7").expect(200).json();
    assert_eq!(found["runs"][0]["id"], output[0]);
    let labels = json!({"order": "7", "tier": "gold"});
    assert_eq!(found["runs"][0]["labels"], labels);
    let children = host.get(&format!("/v1/runs?parent={}", run.id()));
    let children = children.expect(200).json();
    assert_eq!(children["runs"].as_array().unwrap().len(), 1);
}
