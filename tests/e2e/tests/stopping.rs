//! The start and the end of a host: SIGTERM, and data that another process uses.

use std::thread;
use std::time::Duration;

use dormouse_e2e::{Answer, Host, body, post, refuse_to_start, request, wait_until};
use serde_json::json;

use crate::forms::{go, waits_after_go};

/// How long it takes is a constant of the host's, which is checked where it stands. Here neither ends within an hour, so
/// that a host that waited for one of them would not end within the test's timeout.
#[test]
fn sigterm_leaves_in_time_while_a_run_computes_and_an_answer_is_held() {
    let mut host = Host::with(&["--cpu-limit", "1h", "--max-wait", "1h"]);
    let spinning = host.script(&json!({"spin": true}));
    let waiting = host.script(&json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    let hook = waiting.hook("a");
    let held = host
        .request("POST", "/v1/workflows/script/runs")
        .header("Prefer", "wait=3600")
        .within(Duration::from_secs(3_600))
        .json(&json!({"event": "never"}));
    let runs = || {
        host.get("/v1/runs").json()["runs"]
            .as_array()
            .unwrap()
            .len()
    };
    let poll = thread::spawn(move || held.try_send());
    wait_until("the run whose end is waited for", || {
        (runs() == 3).then_some(())
    });

    let status = host.stop();
    assert!(status.success(), "{status}");
    // Answered or cut off, but not left hanging.
    let _ = poll.join().unwrap();

    host.resume();
    post(&hook, "after").expect(202);
    assert_eq!(body(&waiting.output()[1]), "after");
    assert_ne!(
        spinning.show()["status"],
        "failed",
        "the stop was not the run's fault"
    );
    spinning.cancel().expect(200);
}

#[test]
fn sigterm_with_nothing_to_do_leaves_at_once_and_well() {
    let mut host = Host::start();
    let run = host.script(&json!({"event": "go"}));
    run.wait_for_steps(&["go"]);
    assert!(host.stop().success());
    host.resume();
    run.notify("go", "").expect(202);
    run.output();
}

#[test]
fn a_second_host_on_the_same_data_refuses_to_start() {
    let host = Host::start();
    let said = refuse_to_start(&host.data_dir(), &["--listen", "127.0.0.1:0"]);
    let directory = host.data_dir().display().to_string();
    assert!(said.contains(&directory), "{said}");
    assert!(said.contains("another"), "{said}");
    host.get("/readyz").expect(200);
}

#[test]
fn data_that_a_newer_version_wrote_refuses_to_start() {
    let mut host = Host::start();
    assert!(host.stop().success());
    crate::stored::make_newer(&host);
    let said = refuse_to_start(&host.data_dir(), &["--listen", "127.0.0.1:0"]);
    assert!(
        said.contains("newer version") && said.contains("200"),
        "{said}"
    );
    assert!(
        said.contains(&host.data_dir().display().to_string()),
        "{said}"
    );
}

#[test]
fn an_address_in_use_refuses_to_start_and_names_it() {
    let host = Host::start();
    let folder = tempfile::tempdir().unwrap();
    let said = refuse_to_start(
        &folder.path().join("data"),
        &["--listen", &host.authority()],
    );
    assert!(said.contains(&host.authority()), "{said}");
}

#[test]
fn a_setting_that_is_not_valid_refuses_to_start_and_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for (setting, value) in [
        ("--cpu-limit", "soon"),
        ("--body-limit", "16 potatoes"),
        ("--public-url", "nowhere"),
        ("--listen", "here"),
        ("--allow-egress", "10.0.0.0/99"),
        ("--config", "/no/such/file"),
    ] {
        let said = refuse_to_start(&data, &[setting, value]);
        let name = setting.trim_start_matches("--");
        assert!(
            said.contains(value) && (said.contains(name) || name == "config"),
            "{setting}: {said}"
        );
    }
}

#[test]
fn settings_come_from_a_file_and_the_environment_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dormouse.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "inbox-limit = 5\nbody-limit = \"1000\"\n").unwrap();
    let variables = [("DORMOUSE_CONFIG", path), ("DORMOUSE_INBOX_LIMIT", "1")];
    let host = Host::with_environment(&variables, &["--body-limit", "2000"]);
    let hook = host.script(&waits_after_go(1)).hook("a");
    // The command line goes before the file, and so does the environment.
    post(&hook, [b'x'; 2001]).expect(413);
    post(&hook, [b'x'; 1500]).expect(202);
    post(&hook, "").expect(429);

    std::fs::write(&file, "inbox-limits = 1\n").unwrap();
    let said = refuse_to_start(&folder.path().join("data"), &["--config", path]);
    assert!(said.contains("inbox-limits"), "{said}");
}

#[test]
fn nothing_acknowledged_before_a_stop_is_lost() {
    let mut host = Host::start();
    let run = host.script(&json!({"seq": [
        {"webhook": "a"}, {"event": "go"}, {"repeat": 1_000, "do": {"wait": "a", "ms": 0}},
    ]}));
    let hook = run.hook("a");
    let caller = thread::spawn(move || {
        let calls = (0..).map(|number| request("POST", &hook).body(format!("{number}")).try_send());
        let accepted =
            |answer: &Result<Answer, _>| answer.as_ref().is_ok_and(|answer| answer.status == 202);
        calls.take_while(accepted).count()
    });
    wait_until("some calls", || {
        (run.webhooks()["webhooks"][0]["queued"].as_u64() > Some(20)).then_some(())
    });
    assert!(host.stop().success());
    let acknowledged = caller.join().unwrap();
    host.resume();
    go(&run);
    let output = run.output();
    let taken: Vec<String> = output[2]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| !delivery.is_null())
        .map(body)
        .collect();
    let expected: Vec<String> = (0..acknowledged).map(|number| number.to_string()).collect();
    assert_eq!(taken[..acknowledged], expected);
}
