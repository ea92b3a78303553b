//! The example `github-bot`, with a small stand-in for GitHub that signs its events and accepts
//! comments.

use dormouse_e2e::{Answer, Host, Scheme, Service, now, request, sign};
use serde_json::{Value, json};

const SECRET: &str = "It's a Secret to Everybody";
const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// Sends an event as GitHub does. A redelivery has the same id.
fn deliver(url: &str, event: &str, id: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let signed = sign(Scheme::Github, SECRET, "", now(), body.as_bytes());
    let sent = request("POST", url)
        .header("content-type", "application/json")
        .header("user-agent", "GitHub-Hookshot/044aadd")
        .header("x-github-event", event)
        .header("x-github-delivery", id)
        .headers(&signed);
    sent.body(body).send()
}

fn comment(github: &Service, text: &str, kind: &str) -> Value {
    json!({
        "action": "created",
        "issue": {"number": 7, "comments_url": format!("{}/repos/o/r/issues/7/comments", github.url())},
        "comment": {"id": 1, "body": text, "user": {"login": "octocat", "type": kind}},
        "repository": {"full_name": "o/r"},
    })
}

#[test]
fn a_comment_is_answered_once_however_often_it_is_delivered() {
    let mut host =
        Host::with_environment(&[("DORMOUSE_SECRET_KEY", KEY)], &["--allow-private-egress"]);
    let github = Service::answering(&[201]);
    host.deploy("github-bot", "github-bot");
    let uses = json!([{"workflow": "github-bot", "verify": true}]);
    host.set_secret("github-signing", SECRET, &uses);
    let uses = json!([{"workflow": "github-bot", "send_to": github.url()}]);
    host.set_secret("github-token", "ghp_made_up_for_this_test", &uses);
    let set =
        json!({"workflow": "github-bot", "provider": "github", "secrets": ["github-signing"]});
    let set = host.request("PUT", "/v1/triggers/bot").json(&set).send();
    let url = set.expect(201).field("url");

    let ping = deliver(&url, "ping", "d0", &json!({"zen": "Design for failure."}));
    let ping = host.run(&ping.expect(202).field("id")).output();
    assert_eq!(ping, json!({"event": "ping", "answered": false}));

    let asked = comment(&github, "/hello there", "User");
    let first = deliver(&url, "issue_comment", "d1", &asked)
        .expect(202)
        .field("id");
    host.restart();
    let again = deliver(&url, "issue_comment", "d1", &asked).expect(202);
    assert_eq!(again.field("id"), first);
    let output = host.run(&first).output();
    assert_eq!(output, json!({"event": "issue_comment", "answered": true}));
    let own = comment(&github, "/hello", "Bot");
    let own = deliver(&url, "issue_comment", "d2", &own).expect(202);
    assert_eq!(host.run(&own.field("id")).output()["answered"], false);

    let answers = github.wait_for(1);
    assert_eq!(answers[0].target, "/repos/o/r/issues/7/comments");
    assert_eq!(answers[0].field("body"), "Hello @octocat!");
    let token = answers[0].header("authorization");
    assert_eq!(token, Some("Bearer ghp_made_up_for_this_test"));

    let forged = request("POST", &url).header("x-github-event", "issue_comment");
    let forged = forged.json(&asked).send();
    forged.expect_problem(401, "signature-missing");
}
