//! Tokens: only the host can make them, and each has one spelling.

use dormouse_e2e::{Host, post, request};
use serde_json::json;

use crate::forms::waits_after_go;

/// Others that differ from a text in one character each.
fn altered(token: &str) -> impl Iterator<Item = String> {
    token.char_indices().flat_map(move |(place, was)| {
        let others = ['A', 'b', '7', '-', '_', '.', '=']
            .into_iter()
            .filter(move |&is| is != was);
        others.map(move |is| format!("{}{is}{}", &token[..place], &token[place + 1..]))
    })
}

#[test]
fn a_forged_token_is_not_found() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let (base, token) = hook.rsplit_once('/').unwrap();
    for forged in altered(token) {
        let answer = post(format!("{base}/{forged}"), "");
        assert_eq!(answer.status, 404, "{forged} for {token}");
    }
    post(format!("{base}/{}", &token[1..]), "").expect_problem(404, "unknown-webhook");
    post(format!("{base}/{}", "A".repeat(10_000)), "").expect(404);
    for path in ["/hooks", "/hooks/", "/hooks//"] {
        host.post(path, "").expect(404);
    }
    assert_eq!(run.webhooks()["webhooks"][0]["queued"], 0);
    post(&hook, "the real one").expect(202);
}

#[test]
fn a_token_has_one_spelling() {
    let host = Host::start();
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    let (base, token) = hook.rsplit_once('/').unwrap();
    for other in [
        format!("{token}="),
        format!("{token}%20"),
        format!("%20{token}"),
        token.to_lowercase(),
        format!("%{:02X}{}", token.as_bytes()[0], &token[1..]),
    ] {
        let answer = post(format!("{base}/{other}"), "");
        assert_eq!(answer.status, 404, "{other} for {token}");
    }
    let webhook = run.webhooks();
    assert_eq!(webhook["webhooks"][0]["queued"], 0, "{webhook}");
}

#[test]
fn a_token_of_another_host_is_not_found() {
    let (one, other) = (Host::start(), Host::start());
    let hook = one.script(&waits_after_go(1)).hook("a");
    let token = hook.rsplit_once('/').unwrap().1;
    post(format!("{}/hooks/{token}", other.url()), "").expect_problem(404, "unknown-webhook");
}

#[test]
fn a_webhook_keeps_its_url_when_the_public_url_changes() {
    let mut host = Host::with(&["--public-url", "http://old.example"]);
    let run = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"webhook": "b"}]}));
    let hook = run.hook("a");
    let token = hook.strip_prefix("http://old.example/hooks/").unwrap();
    run.wait_for_steps(&["a"]);
    host.kill();
    let host = host.resume_with(&["--public-url", "http://new.example"]);
    assert_eq!(run.hook("a"), hook);
    request("POST", format!("{}/hooks/{token}", host.url()))
        .send()
        .expect(202);
    let output = run.output();
    assert_eq!(
        output[0], hook,
        "what the run was told stays what it was told"
    );
    assert!(
        output[2]
            .as_str()
            .unwrap()
            .starts_with("http://new.example/hooks/"),
        "{output}"
    );
}
