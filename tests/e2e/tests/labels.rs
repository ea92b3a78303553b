//! Labels of runs: given at the start, shown, and kept by what is started anew.

use dormouse_e2e::{Answer, Host, post};
use serde_json::json;

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
fn what_cannot_be_labels_is_refused_with_its_reason() {
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
