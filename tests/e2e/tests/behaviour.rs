//! The behaviours that every language must have: one list, with a kill of the host between any two events from outside.
//! The table in docs/reference/languages.md is compared with the list.

use std::path::{Path, PathBuf};

use dormouse_e2e::{Cli, Host, Run, Service, post};
use serde_json::{Value, json};

/// A host that has the workflow in one language.
struct World {
    host: Host,
}

/// A behaviour: how it is called in the input and in the book, what it is, and how it is driven and judged.
type Behaviour = (&'static str, &'static str, fn(&mut World));

const BEHAVIOURS: [Behaviour; 14] = [
    (
        "lookback",
        "a request that comes before the wait is kept",
        lookback,
    ),
    (
        "fifo",
        "requests are taken in the order in which they came",
        fifo,
    ),
    (
        "timeout",
        "a wait whose time is over takes nothing",
        timeout,
    ),
    (
        "race",
        "the loser of a race is given up, and takes nothing",
        race,
    ),
    ("join", "operations at the same time", join),
    ("cancel", "a run is asked to cancel", cancel),
    ("child", "a run starts another and waits for it", child),
    (
        "generations",
        "a run continues as new, and keeps a webhook",
        generations,
    ),
    ("error", "an error keeps its code", error),
    ("event", "an event is sent to a run", event),
    ("unicode", "text in any script", unicode),
    ("binary", "every byte", binary),
    ("answer", "a caller is answered by the workflow", answer),
    ("many", "10,000 operations", many),
];

impl World {
    fn start(&self, behaviour: &str, more: Value) -> Run {
        let mut input = json!({ "do": behaviour });
        if let (Some(input), Value::Object(more)) = (input.as_object_mut(), more) {
            input.extend(more);
        }
        self.host.start_run("behaviour", &input)
    }

    /// Kills the host, and starts it again.
    fn kill(&mut self) {
        self.host.kill();
        self.host.resume();
    }

    /// Kills the host once the run waits.
    fn kill_when_asleep(&mut self, run: &Run) {
        run.wait_for_status("suspended");
        self.kill();
    }

    /// Sends a text to the run's webhook, and kills the host.
    fn send(&mut self, run: &Run, text: &str) {
        post(run.hook("hook"), text).expect(202);
        self.kill();
    }
}

fn lookback(world: &mut World) {
    let service = Service::answering(&[202]);
    let run = world.start("lookback", json!({ "service": service.url() }));
    let hook = service.wait_for(1)[0].json();
    post(hook.as_str().unwrap(), "early").expect(202);
    world.kill();
    assert_eq!(run.output(), "early");
}

fn fifo(world: &mut World) {
    let run = world.start("fifo", json!({}));
    world.kill_when_asleep(&run);
    for text in ["1", "2"] {
        world.send(&run, text);
    }
    run.notify("begin", "null").expect(202);
    world.kill();
    world.send(&run, "3");
    assert_eq!(run.output(), json!(["1", "2", "3"]));
}

fn timeout(world: &mut World) {
    let run = world.start("timeout", json!({}));
    world.kill_when_asleep(&run);
    // The second wait is there once the first is over.
    run.wait_for_waits(2);
    world.kill();
    world.send(&run, "late");
    assert_eq!(run.output(), json!([true, "late"]));
}

fn race(world: &mut World) {
    let run = world.start("race", json!({}));
    world.kill_when_asleep(&run);
    run.wait_for_waits(2);
    world.kill();
    world.send(&run, "first");
    assert_eq!(run.output(), json!(["timer", "first"]));
}

fn join(world: &mut World) {
    let service = Service::answering(&[201]);
    let run = world.start("join", json!({ "service": service.url() }));
    service.wait_for(1);
    world.kill();
    service.wait_for(3);
    world.kill_when_asleep(&run);
    world.send(&run, "go");
    assert_eq!(run.output(), json!([201, 201, 201, "go"]));
}

fn cancel(world: &mut World) {
    let run = world.start("cancel", json!({}));
    run.wait_for_operation("cancel");
    world.kill();
    let asked = json!({ "grace": "1m", "reason": "enough" });
    run.post("/cancel", asked.to_string()).expect(200);
    world.kill();
    assert_eq!(run.output(), "enough");
}

fn child(world: &mut World) {
    let run = world.start("child", json!({}));
    world.kill();
    assert_eq!(run.output(), 42);
}

fn generations(world: &mut World) {
    let run = world.start("generations", json!({}));
    world.kill_when_asleep(&run);
    let hook = run.hook("hook");
    for text in ["on", "on", "stop"] {
        post(&hook, text).expect(202);
        world.kill();
    }
    assert_eq!(run.output(), 2);
}

fn error(world: &mut World) {
    let run = world.start("error", json!({}));
    let (code, message) = run.failure();
    assert_eq!(code, "card-declined");
    assert!(message.contains("no funds"), "{message}");
    world.kill();
    assert_eq!(run.status(), "failed");
}

fn event(world: &mut World) {
    let run = world.start("event", json!({}));
    world.kill_when_asleep(&run);
    run.notify("news", r#"{"price": 1.5}"#).expect(202);
    world.kill();
    assert_eq!(run.output(), json!({ "price": 1.5 }));
}

fn unicode(world: &mut World) {
    let run = world.start("unicode", json!({}));
    world.kill_when_asleep(&run);
    let text = "žluť 🐿️ \u{0}\"\\ שלום";
    world.send(&run, text);
    let characters = text.chars().count();
    assert_eq!(
        run.output(),
        json!({ "text": text, "characters": characters })
    );
    let steps = run.operations();
    let name = format!("⏰ {text}");
    assert!(
        steps.iter().any(|step| step["step"] == name.as_str()),
        "{steps:?}"
    );
}

fn binary(world: &mut World) {
    let run = world.start("binary", json!({}));
    world.kill_when_asleep(&run);
    let bytes: Vec<u8> = (0..=255).collect();
    post(run.hook("hook"), &bytes).expect(202);
    world.kill();
    assert_eq!(run.output(), json!(bytes));
}

fn answer(world: &mut World) {
    let run = world.start("answer", json!({}));
    world.kill_when_asleep(&run);
    let answer = post(run.hook("hook"), "hello");
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json(), json!({ "heard": "hello" }));
    world.kill();
    assert_eq!(run.output(), "hello");
}

fn many(world: &mut World) {
    let run = world.start("many", json!({ "number": 10_000 }));
    for _ in 0..3 {
        world.kill_when_asleep(&run);
        post(run.hook("hook"), "on").expect(202);
    }
    assert_eq!(run.output(), 4 * (0..2_500).sum::<u64>());
}

/// Goes through all behaviours, and names each that is not as it must be.
fn all(host: Host) {
    let mut world = World { host };
    for (name, _, drive) in BEHAVIOURS {
        eprintln!("behaviour: {name}");
        drive(&mut world);
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn a_workflow_in_rust_behaves() {
    let host = Host::start();
    host.deploy("behaviour", "behaviour");
    all(host);
}

#[test]
fn a_workflow_in_typescript_behaves() {
    let host = Host::start();
    let file = root().join("tests/guests/behaviour/flow.ts");
    let deployed = Cli::of(&host).run(&["deploy", "behaviour", file.to_str().unwrap()]);
    deployed.ok();
    all(host);
}

#[test]
fn a_workflow_in_python_behaves() {
    let host = Host::start();
    host.deploy("behaviour", "behaviour-python");
    all(host);
}

#[test]
fn the_book_says_what_passes() {
    let page = std::fs::read_to_string(root().join("docs/reference/languages.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.collect();
    let expected = BEHAVIOURS.iter();
    let expected: Vec<String> = expected
        .map(|(name, what, _)| format!("| `{name}` | {what} | yes | yes | yes |"))
        .collect();
    assert_eq!(rows, expected);
}
