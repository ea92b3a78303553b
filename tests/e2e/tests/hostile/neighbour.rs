//! A well-behaved workflow beside a hostile one: an endpoint whose callers wait for its answers.

use std::sync::mpsc::{self, Sender, TryRecvError};
use std::thread;
use std::time::Duration;

use dormouse_e2e::{Host, Stopwatch, body, post};
use serde_json::json;

/// How often one run is called. Rounds of it follow each other for as long as the hostile guest is there.
const EXCHANGES: usize = 20;

/// Does something hostile to a host with these settings while its neighbour is called, which must not notice. The
/// neighbour is compiled before, so that the settings may limit that as tightly as an attack needs.
///
/// How long the answers took, alone and then, is printed and not judged: the machine has other tests to run.
#[allow(
    clippy::print_stdout,
    reason = "a test's measurement is for who reads it"
)]
#[track_caller]
pub(super) fn beside(what: &str, settings: &[&str], attack: impl FnOnce(&Host)) {
    let mut host = Host::start();
    host.deploy("script", "script");
    host.kill();
    let host = host.resume_with(settings);
    exchanges(&host);
    let alone = exchanges(&host);
    let (attacking, over) = mpsc::channel::<()>();
    let host = &host;
    let beside = thread::scope(|scope| {
        let neighbour = scope.spawn(move || {
            let mut times = exchanges(host);
            while over.try_recv() == Err(TryRecvError::Empty) {
                times.extend(exchanges(host));
            }
            times
        });
        // The sender goes when the attack is over, also when it fails the test.
        let attack = move |_attacking: Sender<()>| attack(host);
        attack(attacking);
        neighbour.join().unwrap()
    });
    println!(
        "{what}: answers {} alone, {} beside it",
        quantiles(alone),
        quantiles(beside)
    );
}

/// Calls a run and waits for its answer, again and again. Each must be right, and none may be lost or come twice.
#[track_caller]
fn exchanges(host: &Host) -> Vec<Duration> {
    let answer = json!({"respond": {"status": 200, "body": "${a.url}"}});
    let run = host.start_run(
        "script",
        &json!({"seq": [
            {"webhook": "a", "options": {"reply": {"from-workflow": 60_000}}},
            {"repeat": EXCHANGES, "do": {"seq": [{"wait": "a"}, answer]}},
        ]}),
    );
    let hook = run.hook("a");
    let exchange = |number: usize| {
        let watch = Stopwatch::start();
        let answer = post(&hook, number.to_string()).expect(200);
        assert_eq!(answer.text(), hook);
        watch.elapsed()
    };
    let times = (0..EXCHANGES).map(exchange).collect();
    let output = run.output();
    let taken = output[1].as_array().unwrap().iter();
    let taken: Vec<String> = taken.map(|pair| body(&pair[0])).collect();
    let sent: Vec<String> = (0..EXCHANGES).map(|number| number.to_string()).collect();
    assert_eq!(taken, sent);
    times
}

fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:.1?} p99 {:.1?} of {}", at(50), at(99), times.len())
}
