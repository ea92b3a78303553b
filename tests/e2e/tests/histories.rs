//! Histories of runs: a host writes them, and they are replayed with code but without a host.

use std::path::Path;

use dormouse_e2e::{Cli, Host, guest_file, post};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Replays a history against the scripted guest as it is, or as another version of it.
fn replay(cli: &Cli, history: &Path, component: &Path) -> (i32, Value) {
    let (history, component) = (history.to_str().unwrap(), component.to_str().unwrap());
    let outcome = cli.run(&["replay", history, "--component", component, "--json"]);
    let line = serde_json::from_str(&outcome.stdout);
    (outcome.code, line.unwrap_or_else(|_| outcome.stderr.into()))
}

fn export(cli: &Cli, run: &str, folder: &TempDir) -> std::path::PathBuf {
    let file = folder.path().join(format!("{run}.history"));
    let exported = cli.run(&["export", run, "--file", file.to_str().unwrap()]);
    assert_eq!(exported.ok(), "");
    file
}

#[test]
fn code_is_checked_against_a_run_without_its_host() {
    let host = Host::start();
    let first = host.deploy("script", "script");
    let cli = Cli::of(&host);
    let folder = TempDir::new().unwrap();
    let script = json!({"seq": [
        {"random": 8},
        {"now": true},
        {"webhook": "a"},
        {"wait": "a"},
        {"version": {(first.as_str()): {"sleep": 5}}, "else": {"sleep": 6}},
        {"wait": "a"},
    ]});
    let run = host.start_run("script", &script);
    let fresh = export(&cli, run.id(), &folder);
    post(run.hook("a"), "one").expect(202);
    run.wait_for_status("suspended");
    run.wait_for_steps(&["a"]);
    let later = folder.path().join("later.history");
    std::fs::copy(export(&cli, run.id(), &folder), &later).unwrap();
    drop(host);

    let same = guest_file("script");
    for history in [&fresh, &later] {
        let (code, line) = replay(&cli, history, &same);
        assert_eq!(code, 0, "{line}");
        assert_eq!(line["agrees"], true);
        assert_eq!(line["workflow"], "script");
    }
    // Another version, which sleeps longer.
    let mut component = std::fs::read(&same).unwrap();
    component.extend([0, 3, 1, b'x', 1]);
    let other = folder.path().join("other.wasm");
    std::fs::write(&other, component).unwrap();
    let (code, line) = replay(&cli, &later, &other);
    assert_eq!(code, 1, "{line}");
    assert_eq!(line["agrees"], false);
    let difference = &line["difference"];
    assert_eq!(difference["recorded"]["kind"], "sleep", "{line}");
    assert_eq!(difference["differs"], json!(["duration_ms"]), "{line}");
    let history = later.to_str().unwrap();
    let text = cli.run(&["replay", history, "--component", other.to_str().unwrap()]);
    assert_eq!(text.code, 1);
    assert!(text.stdout.contains("duration_ms: 6"), "{}", text.stdout);
}

#[test]
fn a_run_that_has_completed_is_replayed_to_its_end() {
    let host = Host::start();
    host.deploy("script", "script");
    let cli = Cli::of(&host);
    let folder = TempDir::new().unwrap();
    let run = host.start_run("script", &json!({"seq": [{"webhook": "a"}, {"wait": "a"}]}));
    post(run.hook("a"), "one").expect(202);
    run.output();
    let history = export(&cli, run.id(), &folder);
    let (code, line) = replay(&cli, &history, &guest_file("script"));
    assert_eq!((code, &line["agrees"]), (0, &json!(true)), "{line}");
}

#[test]
fn a_failed_run_is_replayed_up_to_its_failure() {
    let host = Host::start();
    host.deploy("script", "script");
    let cli = Cli::of(&host);
    let folder = TempDir::new().unwrap();
    let run = host.start_run(
        "script",
        &json!({"seq": [{"webhook": "a"}, {"wait": "a"}, {"fail": {"code": "no", "message": "no"}}]}),
    );
    post(run.hook("a"), "one").expect(202);
    run.failure();
    let history = export(&cli, run.id(), &folder);
    let (code, line) = replay(&cli, &history, &guest_file("script"));
    assert_eq!((code, &line["activations"]), (0, &json!(1)), "{line}");
}

#[test]
fn an_invalid_history_or_component_is_named() {
    let host = Host::start();
    let cli = Cli::of(&host);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("x");
    std::fs::write(&file, "dormouse-history\nx").unwrap();
    let (code, said) = replay(&cli, &file, &guest_file("script"));
    assert_eq!(code, 2);
    assert!(
        said.to_string().contains("not the history of a run"),
        "{said}"
    );
    let (code, said) = replay(&cli, &file, &file);
    assert_eq!(code, 2);
    assert!(said.to_string().contains("not a workflow"), "{said}");
    let nobody = cli.run(&["export", "00000000-0000-7000-8000-000000000000"]);
    assert_eq!(nobody.code, 1);
}
