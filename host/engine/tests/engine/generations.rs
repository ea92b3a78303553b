//! Runs that continue as new: the decisions of a generation's last activation, and the beginning of the next
//! generation.

use dormouse_engine::{Effect, Interruption};
use dormouse_journal::{
    Activation, Beginning, Delivery, KeptWebhook, NextGeneration, OperationNumber, Outcome,
    Request, Time, WebhookNumber,
};
use serde_json::{Value, json};

use crate::harness::{Run, START, allow, block_on, check_failure};

fn next(run: &Run) -> &NextGeneration {
    run.last().next.as_deref().unwrap()
}

/// Returns a generation that was left two webhooks, the second of which it answers.
fn later(script: Value) -> Run {
    Run::script(script).with(|parts| {
        let kept = |number, step: &str, takes_answers| KeptWebhook {
            number: WebhookNumber(number),
            step: step.into(),
            url: format!("http://kept/{number}"),
            takes_answers,
        };
        parts.beginning = Beginning {
            first_operation: OperationNumber(10),
            first_webhook: WebhookNumber(5),
            kept: vec![kept(1, "a", false), kept(4, "b", true)],
            cancel_asked: false,
        };
    })
}

#[test]
fn a_generation_ends_with_what_the_next_begins_with() {
    let mut run = Run::script(json!({"seq": [
        {"webhook": "a"}, {"webhook": "b"}, {"log": "bye"},
        {"continue": {"log": "again"}, "keep": ["b", "a", "b"], "on_current_version": true},
    ]}));
    run.start();
    let decision = run.last();
    assert_eq!(decision.activation.end, None);
    assert!(!decision.broke);
    let next = next(&run);
    let input: Value = serde_json::from_slice(&next.input.body).unwrap();
    assert_eq!(input, json!({"log": "again"}));
    assert_eq!(next.keep, [WebhookNumber(0), WebhookNumber(1)]);
    assert_eq!((next.first_webhook, next.webhooks), (WebhookNumber(2), 2));
    assert!(next.on_current_version);
    assert_eq!(run.logged(), ["bye"]);
}

#[test]
fn the_last_activation_starts_runs_and_answers_callers_but_sends_nothing() {
    let go_on = json!({"continue": {"log": "again"}});
    let mut run = Run::script(json!({"race": [
        {"call": {"url": "http://x"}},
        {"notify": "e"},
        {"start": {"workflow": "w", "input": 1}},
        go_on,
    ]}));
    run.start();
    assert!(run.last().next.is_some());
    let effects = &run.last().effects;
    assert!(
        matches!(effects.as_slice(), [Effect::StartRun { .. }]),
        "{effects:?}"
    );
}

#[test]
fn a_later_generation_numbers_on_and_knows_what_it_was_left() {
    let mut run = later(json!({"seq": [
        {"webhook": "c"}, {"wait": "a"}, {"wait": "b"}, {"respond": {"status": 200}},
        {"log": "${a.url}"}, {"continue": null, "keep": ["b"]},
    ]}));
    let delivery = |id: &str| {
        Outcome::Delivery(Some(Delivery {
            id: id.into(),
            accepted: Time(START),
            request: Request {
                method: "POST".into(),
                url: "/".into(),
                headers: Vec::new(),
                body: bytes::Bytes::new(),
            },
        }))
    };
    run.start();
    run.complete(START + 1, 11, delivery("one"));
    run.complete(START + 2, 12, delivery("two"));
    assert_eq!(run.logged(), ["http://kept/1"]);
    let effects = &run.last().effects;
    assert!(
        matches!(effects.as_slice(), [Effect::Respond { .. }]),
        "{effects:?}"
    );
    let next = next(&run);
    assert_eq!(next.keep, [WebhookNumber(4)]);
    assert_eq!((next.first_webhook, next.webhooks), (WebhookNumber(6), 3));
}

#[test]
fn a_webhook_that_was_not_kept_is_unknown() {
    let script = json!({"seq": [{"webhook": "c"}, {"close": "c"}]});
    let mut run = later(script);
    run.start();
    assert_eq!(run.output()[1], Value::Null);
    // The SDK has no way to name another, so that the limit says what counts.
    let many = json!({"seq": [{"webhook": "c"}, {"webhook": "d"}]});
    let limited = later(many).with(|parts| allow(parts, |limits| limits.webhooks = 3));
    check_failure(limited, "limit", &["3 webhooks", "webhooks-limit"]);
}

#[test]
fn the_limit_of_operations_counts_for_each_generation_and_is_announced_in_the_log() {
    let sleeps = json!({"repeat": 10, "do": {"sleep": 1}});
    let mut run = later(sleeps).with(|parts| allow(parts, |limits| limits.operations = 10));
    run.start();
    for number in 10..20 {
        run.complete(START + u64::from(number), number, Outcome::Slept);
    }
    assert_eq!(run.output().as_array().unwrap().len(), 10);
    let told = run.logged();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("continue-as-new"), "{told:?}");
}

#[test]
fn a_run_that_was_asked_to_cancel_before_is_not_stuck_if_it_waits_for_that_alone() {
    let waits = json!({"wait-cancel": null});
    check_failure(later(waits.clone()), "stuck", &[]);
    let mut asked = later(waits).with(|parts| parts.beginning.cancel_asked = true);
    asked.start();
    assert_eq!(asked.last().activation.end, None);
    asked.complete(START + 1, 10, Outcome::CancelAsked(Some("enough".into())));
    assert_eq!(asked.output(), json!("enough"));
}

#[test]
fn an_input_that_is_too_large_and_a_step_that_is_open_are_refused() {
    let large = json!({"continue": {"log": "x".repeat(2_000)}});
    let run = Run::script(large).with(|parts| allow(parts, |limits| limits.body = 3_000));
    let mut run = run;
    run.start();
    assert!(run.last().next.is_some(), "{:?}", run.last());
    let large = json!({"continue": {"log": "x".repeat(2_000)}});
    let run = Run::script(large).with(|parts| allow(parts, |limits| limits.body = 1_000));
    check_failure(run, "limit", &["the input", "body-limit"]);
}

#[test]
fn code_that_continues_where_its_journal_waits_does_not_repeat_it() {
    let mut waits = Run::script(json!({"sleep": 5}));
    waits.start();
    let recorded: Activation = waits.last().activation.clone();
    let goes_on = Run::script(json!({"seq": [{"continue": null}]}));
    let mut instance = goes_on.launch();
    let replayed = block_on(instance.replay(recorded));
    assert!(
        matches!(replayed, Err(Interruption::Mismatch(_))),
        "{replayed:?}"
    );
}
