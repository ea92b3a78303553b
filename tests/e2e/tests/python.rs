//! A guest in Python without an SDK: CPython is not made for durable runs, and must not notice that it is rebuilt.

use dormouse_e2e::{Host, Service, post};
use serde_json::{Value, json};

#[test]
fn a_python_workflow_does_not_notice_a_restart() {
    let service = Service::answering(&[202]);
    let mut host = Host::start();
    host.deploy("python", "python");
    let run = host.start_run(
        "python",
        &json!({"service_url": service.url(), "timeout_ms": 3_600_000}),
    );
    let hook = service.wait_for(1)[0].field("webhookUrl");
    run.wait_for_steps(&["first"]);
    let printed_before = run.logs();

    // What it saw before the restart it sees again when it is rebuilt, and its result carries it.
    host.restart();
    post(&hook, "one").expect(202);
    run.wait_for_steps(&["second"]);
    host.restart();
    post(&hook, "two").expect(202);
    let output = run.output();
    assert_eq!(output["bodies"], json!(["one", "two"]));

    let printed: Vec<Value> = run.logs()["lines"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(observed)
        .collect();
    assert_eq!(printed.len(), 3, "each is printed once: {:#}", run.logs());
    assert_eq!(
        json!(printed),
        json!([output["before"], output["between"], output["after"]])
    );
    let first = printed_before["lines"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(observed);
    assert_eq!(first.as_ref(), Some(&output["before"]));
    check_observations(
        [&output["before"], &output["between"], &output["after"]],
        run.id(),
    );
}

/// Returns what the guest prints at each observation, if this is such a line.
fn observed(line: &Value) -> Option<Value> {
    let json = line["message"].as_str()?.strip_prefix("observed ")?;
    serde_json::from_str(json).ok()
}

#[track_caller]
fn check_observations(seen: [&Value; 3], id: &str) {
    let [before, between, after] = seen;
    for name in ["hash", "set", "id"] {
        assert_eq!(
            (&before[name], &between[name]),
            (&between[name], &after[name]),
            "{name}"
        );
    }
    assert_eq!(before["id"], id);
    for name in ["random", "system_random", "bytes"] {
        assert!(
            before[name] != between[name] && between[name] != after[name],
            "{name}"
        );
    }
    for (earlier, later) in [(before, between), (between, after)] {
        for name in ["time", "monotonic", "now"] {
            assert!(
                earlier[name].as_f64() < later[name].as_f64(),
                "{name}: {earlier} {later}"
            );
        }
        // Both clocks read the activation's time.
        let (time, now) = (
            earlier["time"].as_f64().unwrap(),
            earlier["now"].as_f64().unwrap(),
        );
        assert!((time * 1_000.0 - now).abs() < 1.0, "{earlier}");
    }
}
