//! Labels that a run gives itself.

use dormouse_journal::{Label, Outcome};
use serde_json::{Value, json};

use crate::harness::Run;

/// Returns the labels that the last activation has set.
fn set(run: &Run) -> Vec<String> {
    let labels = run.last().labels.iter();
    labels.map(|label| label.to_string()).collect()
}

#[test]
fn labels_are_decided_once_and_are_not_operations() {
    let mut run = Run::script(json!({"seq": [
        {"label": {"stage": "paid"}}, {"sleep": 1},
        {"label": {"stage": "sent"}}, {"label": {"stage": "lost", "parcel": "7"}}, {"sleep": 1},
        {"label": {"stage": "done"}},
    ]}));
    run.start();
    assert_eq!(set(&run), ["stage:paid"]);
    run.evict().complete(1_001, 0, Outcome::Slept);
    assert_eq!(set(&run), ["parcel:7", "stage:lost"]);
    run.complete(1_002, 1, Outcome::Slept);
    assert_eq!(set(&run), ["stage:done"]);
    assert_eq!(run.operations().len(), 2, "{:?}", run.operations());
}

#[test]
fn a_refused_label_is_an_error_that_a_replay_repeats() {
    let keys = |from: u32, to: u32| -> Value {
        let pairs = (from..to).map(|number| (format!("k{number:02}"), json!("v")));
        Value::Object(pairs.collect())
    };
    let script = json!({"seq": [
        {"label": {"": "no key"}}, {"label": {"long": "v".repeat(257)}},
        {"label": keys(0, 15)}, {"label": keys(15, 16)}, {"sleep": 1},
        {"label": {"k00": "w"}}, {"label": keys(16, 17)},
    ]});
    let mut run = Run::script(script).with(|parts| {
        let given: Label = "given:1".parse().unwrap();
        parts.labels.set(given).unwrap();
    });
    run.start();
    assert_eq!(set(&run).len(), 15);
    run.evict().complete(1_001, 0, Outcome::Slept);
    assert_eq!(set(&run), ["k00:w"]);
    let output = run.output();
    let codes: Vec<Option<&str>> = output
        .as_array()
        .unwrap()
        .iter()
        .map(|given| given["error"].as_str())
        .collect();
    let (invalid, limit) = (Some("invalid-label"), Some("label-limit"));
    assert_eq!(codes, [invalid, limit, None, limit, None, None, limit]);
    let message = output[3]["message"].as_str().unwrap();
    assert!(
        message.contains("k15:v") && message.contains("at most 16"),
        "{message}"
    );
}

#[test]
fn labels_outlive_the_instance_that_a_step_ends() {
    let script = json!({"seq": [
        {"label": {"a": "1"}}, {"step": "s", "value": 7}, {"label": {"b": "2"}},
    ]});
    let mut run = Run::script(script).with(|parts| parts.rebuild_after_step = true);
    run.start();
    assert_eq!(set(&run), ["a:1", "b:2"]);
}
