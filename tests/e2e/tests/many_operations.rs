//! Activations with thousands of operations. Each is one decision, and is written in small commits.

use dormouse_e2e::{Host, Run, SeededRng, pause, post};
use serde_json::{Value, json};

/// The most rows of one commit.
const MOST: u64 = 4_096;

/// The number of sleeps, and half the number of webhooks.
const MANY: usize = 1_500;

/// Creates webhooks, waits for one of them and for as many sleeps, gives up the sleeps, and waits for the webhook again.
fn script() -> Value {
    let sleeps = vec![json!({"sleep": 3_600_000}); MANY];
    json!({"seq": [
        {"repeat": 2 * MANY, "do": {"webhook": "many"}},
        {"webhook": "a"},
        {"race": [{"wait": "a"}, {"join": sleeps}]},
        {"wait": "a", "as": "again"},
    ]})
}

/// Returns the largest number of rows that a commit of this process has written.
fn rows_max(host: &Host) -> u64 {
    let metrics = host.get("/metrics").expect(200).text();
    let mut values = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("dormouse_commit_rows_max "));
    values.next().unwrap().trim().parse().unwrap()
}

fn finish(run: &Run) {
    post(run.hook("a"), "one").expect(202);
    run.wait_for_steps(&["again"]);
    assert_eq!(
        run.webhooks()["webhooks"].as_array().unwrap().len(),
        2 * MANY + 1
    );
    post(run.hook("a"), "two").expect(202);
    run.output();
}

#[test]
fn an_activation_with_thousands_of_operations_is_written_in_small_commits() {
    let host = Host::start();
    let run = host.script(&script());
    finish(&run);
    let rows = rows_max(&host);
    assert!((100..=MOST).contains(&rows), "{rows}");
    let journal = run.journal();
    let activations = journal["activations"].as_array().unwrap().len();
    assert_eq!(activations, 3, "each activation has one record");
}

#[test]
fn a_kill_in_the_middle_of_an_activation_that_is_written_in_pieces_loses_nothing() {
    let mut rng = SeededRng::new();
    let mut host = Host::start();
    let runs: Vec<Run> = (0..3).map(|_| host.script(&script())).collect();
    for _ in 0..SeededRng::times(5) {
        pause(rng.time(1, 60));
        host.kill();
        host.resume();
    }
    for run in &runs {
        finish(run);
    }
}
