//! `dormouse test`: scenarios that are played without a host.

use std::path::{Path, PathBuf};

use dormouse_e2e::{Cli, Outcome, guest_file};
use serde_json::Value;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Plays scenarios that are in the repository.
fn play(component: &Path, scenarios: &str, more: &[&str]) -> Outcome {
    let folder = root().join(scenarios);
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    let mut arguments = vec!["test", component.to_str().unwrap()];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(more);
    Cli::alone().run(&arguments)
}

/// Plays one scenario, and returns the line of JSON about it.
fn played(component: &str, scenario: &str) -> Value {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, scenario).unwrap();
    let component = guest_file(component);
    let (component, file) = (component.to_str().unwrap(), file.to_str().unwrap());
    let outcome = Cli::alone().run(&["test", component, file, "--json"]);
    let line: Value = serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", outcome.stderr));
    let passed = line["passed"] == true;
    assert_eq!(outcome.code, i32::from(!passed), "{line:#}");
    line
}

/// Returns the message and the details of a scenario that failed.
fn failed(component: &str, scenario: &str) -> (Value, String) {
    let line = played(component, scenario);
    assert_eq!(line["passed"], false, "{line:#}");
    let details = line["details"].as_array().into_iter().flatten();
    let details: Vec<&str> = details.filter_map(Value::as_str).collect();
    let message = line["message"].as_str().unwrap_or_default();
    let text = format!("{message}\n{}", details.join("\n"));
    (line, text)
}

#[test]
fn the_examples_do_what_their_scenarios_say() {
    let parcel = format!("parcel={}", guest_file("parcel").display());
    for (example, more) in [
        ("progress", [].as_slice()),
        ("approval", &[]),
        ("subscription", &[]),
        ("payment", &[]),
        ("order", &["--with", &parcel]),
    ] {
        let scenarios = format!("examples/{example}/scenarios");
        play(&guest_file(example), &scenarios, more).ok();
    }
}

#[test]
fn a_script_is_played_as_it_is_written() {
    let script = root().join("examples/typescript/approval.ts");
    let outcome = play(&script, "examples/typescript/scenarios", &[]);
    let text = outcome.ok();
    assert!(text.contains("ok "), "{text}");
}

#[test]
fn a_program_in_python_does_what_the_same_one_in_rust_does() {
    let progress = guest_file("python-progress");
    play(&progress, "examples/progress/scenarios", &[]).ok();
    let approval = guest_file("python-approval");
    play(&approval, "examples/python/scenarios", &[]).ok();
}

#[test]
fn a_call_without_an_answer_is_reported_with_what_to_do() {
    let (line, text) = failed(
        "script",
        "input = {call = {url = 'https://a.example/x'}, as = 'ask'}",
    );
    assert!(text.contains("nothing answers the call"), "{text}");
    assert!(text.contains("https://a.example/x"), "{text}");
    assert!(text.contains("[[answer]]"), "{text}");
    assert_eq!(line["calls"], 1);
}

#[test]
fn a_step_that_names_no_call_means_the_next_one() {
    for (call, is_told) in [
        ("{method = 'GET', json = {a = 1}}", true),
        ("{url = 'https://a.example*', json = {a = 1}}", false),
    ] {
        let scenario = format!(
            "input = {{call = {{url = 'https://a.example/x'}}}}\n[[answer]]\n[[step]]\ncall = {call}\n"
        );
        let (_, text) = failed("script", &scenario);
        assert!(text.contains("another than expected"), "{text}");
        let why = "neither `step` nor `url`, so it means the next call";
        assert_eq!(text.contains(why), is_told, "{text}");
    }
}

#[test]
fn each_attempt_at_a_call_is_answered() {
    let scenario = |expected: &str| {
        format!(
            "input = {{call = {{url = 'https://a.example'}}}}\n\
             [[answer]]\nrespond = {{status = 503}}\ntimes = 2\n\
             [[answer]]\nrespond = {{error = 'unreachable'}}\ntimes = 1\n\
             [[answer]]\nrespond = {{json = {{ok = true}}, after = '3s'}}\n\
             [expect]\n{expected}"
        )
    };
    let line = played("script", &scenario("output_like = {status = 200}"));
    assert_eq!(
        (&line["passed"], &line["calls"]),
        (&true.into(), &4.into()),
        "{line:#}"
    );
    let (_, text) = failed("script", &scenario("output_like = {status = 201}"));
    assert!(
        text.contains("output.status: expected 201, found 200"),
        "{text}"
    );
}

#[test]
fn time_goes_on_by_itself_and_as_steps_say() {
    let line = played(
        "script",
        "time = 2026-03-01T00:00:00Z\ninput = {seq = [{sleep = 31536000000}, {webhook = 'a'}, {wait = 'a', ms = 60000}]}\n\
         [[step]]\ndeliver = {to = 'a', text = 'x'}\n\
         [expect]\ntook = '365d'\n",
    );
    assert_eq!(line["passed"], true, "{line:#}");
    assert_eq!(line["took_ms"], 31_536_000_000_u64);

    let (_, text) = failed(
        "script",
        "input = {seq = [{webhook = 'a'}, {wait = 'a', ms = 60000}]}\n\
         [[step]]\nadvance = '59s'\n[[step]]\nrun = {status = 'suspended'}\n[[step]]\nadvance = '2s'\n[[step]]\nrun = {status = 'suspended'}\n",
    );
    assert!(
        text.contains("status: expected suspended, found completed"),
        "{text}"
    );
}

#[test]
fn a_step_that_fails_is_named_with_its_line() {
    let (line, text) = failed(
        "script",
        "input = {seq = [{webhook = 'a'}, {wait = 'a'}]}\n\n[[step]]\nadvance = '1m'\n\n[[step]]\ndeliver = {to = 'b', text = 'x'}\n",
    );
    assert_eq!(
        (&line["step"], &line["line"]),
        (&2.into(), &6.into()),
        "{line:#}"
    );
    assert!(text.contains("there is no webhook b"), "{text}");
    assert!(text.contains("the run is suspended"), "{text}");
}

#[test]
fn a_run_that_breaks_or_never_ends_fails_its_scenario() {
    let (_, text) = failed("script", "input = {trap = 'on purpose'}\n");
    assert!(text.contains("found blocked"), "{text}");

    let (_, text) = failed(
        "script",
        "input = {seq = [{webhook = 'a'}, {wait = 'a'}]}\n",
    );
    assert!(
        text.contains("expected completed, found suspended"),
        "{text}"
    );

    let (line, text) = failed("script", "input = {spin = true}\n");
    assert!(text.contains("found blocked: "), "{text} {line:#}");
}

/// A step that fails twice, with the delays that Upstash Workflow's programs write.
const RETRIED: &str = r#"
import { serve } from "@upstash/workflow";

export const { POST } = serve(async (context) => {
  return await context.run("ask", async () => {
    const response = await fetch("https://a.example/");
    if (!response.ok) throw new Error("not yet");
    return response.status;
  });
}, { retries: 2, retryDelay: "pow(2, retried) * 1000" });
"#;

#[test]
fn delays_of_upstash_are_expressions() {
    let folder = TempDir::new().unwrap();
    let (script, file) = (folder.path().join("flow.ts"), folder.path().join("a.toml"));
    let scenario = "[[answer]]\nrespond = {status = 500}\ntimes = 2\n[[answer]]\n[expect]\noutput = 200\ntook = '3s'\n";
    std::fs::write(&file, scenario).unwrap();
    let test = |delay: &str| {
        let text = RETRIED.replace("pow(2, retried) * 1000", delay);
        std::fs::write(&script, text).unwrap();
        Cli::alone().run(&["test", script.to_str().unwrap(), file.to_str().unwrap()])
    };
    test("pow(2, retried) * 1000").ok();
    // A value of the wrong kind is an error instead of being ignored.
    let refused = test("eval(retried)");
    assert_eq!(refused.code, 1);
    assert!(
        refused.stdout.contains("is not a delay"),
        "{}",
        refused.stdout
    );
}

#[test]
fn calls_go_out_as_the_host_would_send_them() {
    // A request that cannot be sent is not a call.
    for call in [
        "{url = 'not a url'}",
        "{url = 'ftp://a.example/'}",
        "{url = 'https://a.example/', method = 'BAD M'}",
    ] {
        let scenario = format!(
            "input = {{call = {call}}}\n[[answer]]\n[expect]\noutput = {{error = 'invalid'}}\n"
        );
        let line = played("script", &scenario);
        assert_eq!(
            (&line["passed"], &line["calls"]),
            (&true.into(), &0.into()),
            "{line:#}"
        );
    }
    // A redirect is followed, and one to nowhere is not answered.
    let redirect = "input = {call = {url = 'https://a.example/x'}}\n\
        [[answer]]\nto = {url = 'https://a.example/x'}\nrespond = {status = 302, headers = {location = '/y'}}\n";
    let followed = format!(
        "{redirect}[[answer]]\nto = {{url = 'https://a.example/y'}}\n[expect]\noutput_like = {{status = 200}}\n"
    );
    assert_eq!(played("script", &followed)["passed"], true);
    let (_, text) = failed("script", redirect);
    assert!(text.contains("nothing answers the call"), "{text}");
    assert!(text.contains("https://a.example/y"), "{text}");
    // An attempt times out when its time is over.
    let slow = "input = {call = {url = 'https://a.example/', timeout_ms = 30000, attempts = 1}}\n\
        [[answer]]\nrespond = {error = 'timed-out'}\n[expect]\noutput = {error = 'timed-out'}\ntook = '30s'\n";
    let line = played("script", slow);
    assert_eq!(line["passed"], true, "{line:#}");
}

#[test]
fn a_refused_caller_or_a_step_after_the_end_fails_the_scenario() {
    // A caller with a name, which was refused.
    let (_, text) = failed(
        "script",
        "input = {seq = [{webhook = 'a', options = {reply = {from-workflow = 10000}}}, {wait = 'a'}, {respond = {status = 500}}]}\n\
         [[step]]\ndeliver = {to = 'a', as = 'asker', json = 1}\n",
    );
    assert!(text.contains("the caller asker was answered 500"), "{text}");
    // Events and cancels to a run that has ended.
    for step in ["notify = {event = 'e'}", "cancel = {}"] {
        let scenario =
            format!("input = {{log = 'x'}}\n[[step]]\nadvance = '1s'\n[[step]]\n{step}\n");
        let (line, text) = failed("script", &scenario);
        assert_eq!(line["step"], 2, "{line:#}");
        assert!(text.contains("completed"), "{text}");
    }
}

#[test]
fn a_step_that_waits_in_vain_says_where_the_run_is() {
    let (_, text) = failed(
        "script",
        "input = {sleep = 1000}\n[[step]]\ncall = {step = 'x'}\n",
    );
    assert!(text.contains("the call was not made"), "{text}");
    assert!(text.contains("the run is completed"), "{text}");
    let (_, text) = failed("script", "input = {event = 'news'}\n");
    assert!(text.contains("waits for the event \"news\""), "{text}");
    let line = played(
        "script",
        "input = {sleep = 1000}\n[[step]]\nadvance = '400d'\n",
    );
    assert_eq!(line["passed"], true, "{line:#}");
}

#[test]
fn two_workflows_of_one_name_are_refused() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("scenario.toml");
    std::fs::write(&file, "input = {log = 'x'}\n").unwrap();
    let component = guest_file("script");
    let component = component.to_str().unwrap();
    let same = format!("script={component}");
    let test = ["test", component, file.to_str().unwrap(), "--with", &same];
    let outcome = Cli::alone().run(&test);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("two workflows script"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_invalid_scenario_is_refused_before_anything_is_played() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("wrong.toml");
    std::fs::write(&file, "input = 1\n\n[[step]]\nadvance = 'soon'\n").unwrap();
    let component = guest_file("script");
    let outcome = Cli::alone().run(&["test", component.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(outcome.code, 2, "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("wrong.toml: line 3: `advance`"),
        "{}",
        outcome.stderr
    );
}

/// Returns a folder with a `dormouse-py` that does this.
fn tool(script: &str) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = TempDir::new().unwrap();
    let tool = folder.path().join("dormouse-py");
    std::fs::write(&tool, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn a_component_of_python_is_made_by_the_tool_on_the_path() {
    let folder = TempDir::new().unwrap();
    let (flow, file) = (
        folder.path().join("script.py"),
        folder.path().join("a.toml"),
    );
    std::fs::write(&flow, "").unwrap();
    std::fs::write(&file, "input = {log = 'x'}\n").unwrap();
    let test = |tools: &TempDir| {
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        let cli = Cli::alone().variable("PATH", &path);
        let (flow, file) = (flow.to_str().unwrap(), file.to_str().unwrap());
        cli.run(&["test", flow, file, "--env", "A=b", "--secret", "KEY"])
    };
    // The tool is told the file, where the component goes, and the environment.
    let made = folder.path().join("told");
    let guest = guest_file("script");
    let tools = tool(&format!(
        "echo \"$@\" > {}\ncp {} \"$4\"",
        made.display(),
        guest.display()
    ));
    test(&tools).ok();
    let told = std::fs::read_to_string(&made).unwrap();
    let begins = format!("build {} --output ", flow.display());
    assert!(told.starts_with(&begins), "{told}");
    assert!(told.trim().ends_with("--env A=b --secret KEY"), "{told}");

    // The expected text is shown, and that it is missing.
    let refused = test(&tool(
        "echo 'error: script.py, line 1: no workflow' >&2\nexit 1",
    ));
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .stderr
            .contains("script.py: script.py, line 1: no workflow"),
        "{}",
        refused.stderr
    );
    let missing = test(&TempDir::new().unwrap());
    assert_eq!(missing.code, 2);
    assert!(
        missing.stderr.contains("is not on PATH"),
        "{}",
        missing.stderr
    );
    assert!(
        missing.stderr.contains("write-in-python.md"),
        "{}",
        missing.stderr
    );
}

#[test]
fn an_answer_that_was_never_given_is_noted() {
    let scenario = "input = {call = {url = 'https://a.example'}}\n\n[[answer]]\nto = {url = 'https://b.example'}\n\n[[answer]]\n";
    let line = played("script", scenario);
    assert_eq!(line["passed"], true, "{line:#}");
    assert_eq!(line["unused_answers"], serde_json::json!([3]), "{line:#}");

    let folder = TempDir::new().unwrap();
    let file = folder.path().join("unused.toml");
    std::fs::write(&file, scenario).unwrap();
    let component = guest_file("script");
    let (component, file) = (component.to_str().unwrap(), file.to_str().unwrap());
    let outcome = Cli::alone().run(&["test", component, file]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(
        outcome
            .stderr
            .contains("unused.toml: line 3: this [[answer]]"),
        "{}",
        outcome.stderr
    );
    assert!(!outcome.stderr.contains("line 6"), "{}", outcome.stderr);
}

#[test]
fn repeated_events_are_one_line_when_a_scenario_fails() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("polling.toml");
    let call = "{call = {url = 'https://a.example'}}, {sleep = 60000}";
    let calls = vec![call; 30].join(", ");
    let scenario =
        format!("input = {{seq = [{calls}]}}\n[[answer]]\n[expect]\noutput = 'another'\n");
    std::fs::write(&file, scenario).unwrap();
    let component = guest_file("script");
    let arguments = ["test", component.to_str().unwrap(), file.to_str().unwrap()];
    let outcome = Cli::alone().run(&arguments);
    assert_eq!(outcome.code, 1, "{}", outcome.stderr);
    let text = &outcome.stdout;
    assert!(
        text.contains("these 2 again, 29 times, until here"),
        "{text}"
    );
    assert!(!text.contains("earlier events"), "{text}");
    assert_eq!(text.matches("GET https://a.example").count(), 2, "{text}");

    let verbose = Cli::alone().run(&[&arguments[..], &["--verbose"]].concat());
    let text = &verbose.stdout;
    assert_eq!(text.matches("GET https://a.example").count(), 60, "{text}");
}
