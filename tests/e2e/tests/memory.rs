//! One budget of memory for bodies, calls and guests: a run that uses all of it stops no other run, and no run fails
//! because of it.

use dormouse_e2e::{Host, Run, post, raw, wait_until};
use serde_json::json;

use crate::forms::{go, waits_after_go};

const MIB: usize = 1 << 20;

/// Returns a host with 96 MiB: 16 for bodies from outside, of which one webhook may have 4, as many for calls, 64 for guests.
fn small_host() -> Host {
    Host::with(&["--memory-budget", "96MiB", "--allow-private-egress"])
}

/// Returns what is taken of a part of the budget.
fn taken(host: &Host, part: &str) -> u64 {
    let metrics = host.get("/metrics").expect(200).text();
    let series = format!("dormouse_memory_taken_bytes{{part=\"{part}\"}} ");
    let bytes = metrics.lines().find_map(|line| line.strip_prefix(&series));
    bytes.unwrap().parse().unwrap()
}

/// Sends a request of this many bytes to this URL, without the last byte.
fn unfinished(url: &str, size: usize) -> raw::Connection {
    let (authority, target) = raw::split(url);
    let head =
        format!("POST {target} HTTP/1.1\r\nHost: {authority}\r\nContent-Length: {size}\r\n\r\n");
    let mut connection = raw::Connection::to(url);
    connection.send(head);
    connection.send(vec![b'x'; size - 1]);
    connection
}

fn listening_run(host: &Host) -> (Run, String) {
    let run = host.script(&waits_after_go(1));
    let hook = run.hook("a");
    (run, hook)
}

#[test]
fn bodies_that_do_not_end_take_up_a_webhooks_share_and_nobody_elses() {
    let host = small_host();
    let (_run, hook) = listening_run(&host);
    let (neighbour, other_hook) = listening_run(&host);
    let held = unfinished(&hook, 3 * MIB);
    wait_until("the body has come", || {
        (taken(&host, "requests") >= 3 * MIB as u64 - 1).then_some(())
    });
    post(&hook, "x".repeat(2 * MIB)).expect_problem(429, "memory-share");
    post(&hook, "small").expect(202);
    post(&other_hook, "y".repeat(2 * MIB)).expect(202);
    drop(held);
    wait_until("the memory has come back", || {
        (taken(&host, "requests") == 0).then_some(())
    });
    post(&hook, "x".repeat(3 * MIB)).expect(202);
    go(&neighbour);
    neighbour.output();
}

#[test]
fn bodies_beyond_the_hosts_memory_are_refused_until_there_is_some() {
    let host = small_host();
    let hooks: Vec<(Run, String)> = (0..6).map(|_| listening_run(&host)).collect();
    let held: Vec<raw::Connection> = hooks[..5]
        .iter()
        .map(|(_, hook)| unfinished(hook, 3 * MIB))
        .collect();
    wait_until("the bodies have come", || {
        (taken(&host, "requests") >= 5 * (3 * MIB as u64 - 1)).then_some(())
    });
    let refused = post(&hooks[5].1, "x".repeat(2 * MIB));
    assert!(refused.header("retry-after").is_some());
    refused.expect_problem(503, "no-memory");
    post(&hooks[5].1, "small").expect(202);
    drop(held);
    wait_until("the memory has come back", || {
        (taken(&host, "requests") == 0).then_some(())
    });
    post(&hooks[5].1, "x".repeat(2 * MIB)).expect(202);
}

/// Each of these needs two thirds of what guests have together, so that they can only execute one after the other.
#[test]
fn guests_that_do_not_fit_together_take_turns_and_none_fails() {
    let host = small_host();
    let script =
        json!({"seq": [{"grow": 20 << 20}, {"sleep": 1}, {"grow": 20 << 20}, {"sleep": 1}]});
    let runs: Vec<Run> = (0..6).map(|_| host.script(&script)).collect();
    for run in runs {
        run.output();
    }
    assert!(taken(&host, "guests") <= 64 * MIB as u64);
}

#[test]
fn limits_that_cannot_fit_are_refused_with_figures() {
    for (setting, value) in [
        ("--memory-budget", "1TiB"),
        ("--memory-limit", "1TiB"),
        ("--body-limit", "1TiB"),
    ] {
        let (status, text) = Host::unstarted(&[setting, value]).try_resume().unwrap_err();
        let name = setting.trim_start_matches('-');
        assert!(!status.success());
        assert!(text.contains(name) && text.contains("1TiB"), "{text}");
    }
}
