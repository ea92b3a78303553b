//! `dormouse show`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{FailedTry, Failure, Run, Waiting};
use dormouse_journal::Time;

use crate::connection::Connection;
use crate::error::CliError;
use crate::run_id;
use crate::table::{Cell, Table};
use crate::terminal::Terminal;
use crate::text::{colour, counted, indented, labels, plain, plain_line, size};
use crate::time::{ago, now, since, until};

/// Shows a run: its status, what it waits for, how it ended
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse show 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6")]
pub struct Show {
    /// The run's id, or its beginning
    run: String,

    /// Also shows where in the component the run failed: the functions that were being called
    #[arg(long)]
    trace: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Show {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["runs", &run_id::find(&client, &self.run)?]))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else {
            terminal.print(&render(&answer.json()?, now(), terminal.colour, self.trace))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Formats why a run failed.
pub(crate) fn render_failure(failure: &Failure) -> String {
    format!(
        "{}: {}",
        plain_line(&failure.code),
        plain(&failure.message).trim_end()
    )
}

/// Formats where in the component a run failed, if the place is known and was asked for.
fn trace(run: &str, failure: &Failure, is_wanted: bool) -> String {
    match &failure.backtrace {
        Some(backtrace) if is_wanted => format!("{}\n", plain(backtrace).trim_end()),
        // The message already has the lines of the author's file.
        Some(_) if failure.message.contains("\n    at ") => String::new(),
        Some(_) => format!("`dormouse show --trace {run}` shows the place in the component\n"),
        None => String::new(),
    }
}

fn render(run: &Run, now: Time, with_colour: bool, with_trace: bool) -> String {
    let mut text = fields(run, now).render(with_colour);
    if let Some(asked) = &run.cancel
        && run.summary.ended.is_none()
    {
        text += &format!(
            "\nasked to cancel: {}; cancelled at {}\n",
            plain_line(&asked.reason),
            asked.until
        );
    }
    if !run.waiting.is_empty() {
        text += "\nwaits for\n";
        text += &waiting(run, now).render(false);
        for waiting in &run.waiting {
            text += &awaited(waiting);
            text += &tried_again(waiting, now);
        }
        if run.waiting_truncated {
            text += "  and more\n";
        }
    }
    if let Some(failure) = &run.summary.failure {
        text += &format!("\n{}\n", render_failure(failure));
        text += &trace(&run.summary.id, failure, with_trace);
    }
    if !run.bad_answers.is_empty() {
        text += "\nbad answers\n";
        text += &bad_answers(run).render(false);
    }
    if !run.failed_tries.is_empty() {
        text += "\nfailed tries\n";
        for failed in &run.failed_tries {
            text += &failed_try(failed, now);
        }
    }
    if let Some(output) = &run.output {
        text += &format!("\noutput\n  {}\n", indented(&plain(output.get()), 2));
    }
    text
}

/// Formats the event or the run that is waited for. The text is empty for other waits.
fn awaited(waiting: &Waiting) -> String {
    let what = match (&waiting.event, &waiting.run) {
        (Some(event), _) => format!("the event {:?}", plain_line(event)),
        (None, Some(run)) => format!("the run {}", plain_line(run)),
        (None, None) => return String::new(),
    };
    format!("  operation {} waits for {what}\n", waiting.operation)
}

/// Formats the attempts of a call that is tried again. The text is empty for other waits.
fn tried_again(waiting: &Waiting, now: Time) -> String {
    let (Some(attempts), Some(error)) = (waiting.attempts, &waiting.last_error) else {
        return String::new();
    };
    let next = match waiting.next_attempt {
        Some(next) => format!("next attempt {}", until(next, now)),
        None => "an attempt is under way".into(),
    };
    let last = waiting.gives_up.map_or_else(String::new, |gives_up| {
        format!(", given up {}", until(gives_up, now))
    });
    format!(
        "  call {:?} was attempted {}: {}; {next}{last}\n",
        plain_line(&waiting.step),
        counted(attempts.into(), "time"),
        plain_line(error),
    )
}

/// Formats what pause stops a run, and the command that resumes it.
fn paused(by: &str, workflow: &str) -> String {
    match by {
        "workflow" => {
            format!("with its workflow: `dormouse resume --workflow {workflow}` resumes it")
        }
        "host" => "with the host: `dormouse resume --host` resumes it".into(),
        _ => "the run itself: `dormouse resume` resumes it".into(),
    }
}

fn fields(run: &Run, now: Time) -> Table {
    let summary = &run.summary;
    let mut table = Table::of_fields();
    table.field("run", summary.id.as_str());
    table.field("workflow", summary.workflow.as_str());
    table.field("version", summary.version.as_str());
    table.field(
        "status",
        Cell::coloured(summary.status.as_str(), colour(summary.status)),
    );
    if let Some(by) = &summary.paused {
        table.field("paused", paused(by, &summary.workflow));
    }
    if let Some(by) = &summary.held_by {
        table.field("held by", format!("{by}, which is paused or has failed"));
    }
    table.field("started", since(summary.created, now));
    if let Some(ended) = summary.ended {
        table.field("ended", since(ended, now));
    }
    if let Some(trigger) = &run.trigger {
        table.field("trigger", trigger.as_str());
    }
    if let Some(parent) = &run.parent {
        table.field("parent", parent.as_str());
    }
    if run.children > 0 {
        table.field("children", format!("{} alive", run.children));
    }
    let journal = format!(
        "{}, {}, {}",
        counted(run.activations.into(), "activation"),
        counted(run.operations.into(), "operation"),
        size(run.journal_bytes)
    );
    table.field("journal", journal);
    if run.retryable {
        let command = format!("`dormouse retry --dry-run {}`", summary.id);
        table.field(
            "retry",
            format!("possible; {command} says what it would do"),
        );
    }
    if run.generation > 0 {
        let times = counted(run.generation.into(), "time");
        table.field("generation", format!("continued as new {times}"));
    }
    if !summary.labels.is_empty() {
        table.field("labels", labels(&summary.labels));
    }
    if summary.untaken > 0 {
        table.field(
            "untaken",
            format!("{}: accepted, and never taken by a wait", summary.untaken),
        );
    }
    table
}

/// The number of characters of a version that are shown.
const SHORT: usize = 12;

fn failed_try(failed: &FailedTry, now: Time) -> String {
    let version: String = failed.version.chars().take(SHORT).collect();
    let (code, message) = (&failed.failure.code, &failed.failure.message);
    let mut text = format!(
        "  try {}, {}, version {}: {}: {}\n",
        failed.tries,
        since(failed.time, now),
        plain_line(&version),
        plain_line(code),
        plain_line(message.trim_end()),
    );
    let made = failed.operations.iter().map(|made| {
        let step = plain_line(&made.step);
        format!("{} {} {step:?}", made.operation, plain_line(&made.kind))
    });
    let mut made: Vec<String> = made.collect();
    if failed.more_operations > 0 {
        made.push(format!("{} more", failed.more_operations));
    }
    if !made.is_empty() {
        text += &format!("    made {}\n", made.join(", "));
    }
    for line in &failed.logs {
        text += &format!("    logged {:?}\n", plain_line(&line.message));
    }
    if failed.more_lines > 0 {
        text += &format!(
            "    and {} more\n",
            counted(failed.more_lines.into(), "line")
        );
    }
    text
}

fn bad_answers(run: &Run) -> Table {
    let columns = ["operation", "kind", "step", "answer", "done again by"];
    let mut table = Table::new(&columns).indented(2);
    for bad in &run.bad_answers {
        table.row([
            bad.operation.to_string().into(),
            plain_line(&bad.kind).into(),
            plain_line(&bad.step).into(),
            plain_line(&bad.answer).into(),
            plain_line(&bad.command).into(),
        ]);
    }
    table
}

fn waiting(run: &Run, now: Time) -> Table {
    let mut table = Table::new(&["operation", "kind", "step", "since", "deadline"]).indented(2);
    for waiting in &run.waiting {
        table.row([
            waiting.operation.to_string().into(),
            waiting.kind.as_str().into(),
            plain_line(&waiting.step).into(),
            ago(waiting.since, now).into(),
            waiting
                .deadline
                .map_or_else(|| "none".into(), |deadline| until(deadline, now))
                .into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, json: &str) {
        let run: Run = serde_json::from_str(json).unwrap();
        insta::assert_snapshot!(name, render(&run, Time(1_772_352_240_000), false, true));
    }

    #[test]
    fn a_run_that_waits() {
        check(
            "waits",
            r#"{
                "id": "019ca8b5-3a00-7000-8000-000000000000", "workflow": "approval", "version": "3f3f",
                "status": "suspended", "created": "2026-03-01T08:00:00.000Z", "ended": null, "untaken": 0,
                "waiting": [
                    {"operation": 2, "kind": "wait-for-webhook", "step": "approved", "since":
                     "2026-03-01T08:00:01.000Z", "deadline": null},
                    {"operation": 13, "kind": "sleep", "step": "remind \u001b[2J", "since":
                     "2026-03-01T08:00:01.000Z", "deadline": "2026-03-01T09:30:00.000Z"},
                    {"operation": 14, "kind": "call", "step": "charge", "since": "2026-03-01T08:00:01.000Z", "deadline":
                     null, "attempts": 3, "last_error": "status 503", "next_attempt": "2026-03-01T08:05:00.000Z",
                     "gives_up": "2026-03-02T08:00:01.000Z"},
                    {"operation": 15, "kind": "call", "step": "sent once", "since": "2026-03-01T08:00:01.000Z", "deadline":
                     null, "attempts": 1},
                    {"operation": 16, "kind": "wait-for-event", "step": "decision", "since": "2026-03-01T08:00:01.000Z",
                     "deadline": null, "event": "decided"},
                    {"operation": 17, "kind": "wait-for-run", "step": "child", "since": "2026-03-01T08:00:01.000Z",
                     "deadline": null, "run": "019ca8b5-3a00-7000-8000-000000000001"}
                ],
                "waiting_truncated": false, "activations": 2, "operations": 14, "journal_bytes": 1536,
                "last_activation": "2026-03-01T08:00:01.000Z"
            }"#,
        );
    }

    #[test]
    fn a_run_that_failed() {
        check(
            "failed",
            r#"{
                "id": "019ca8b5-3a00-7000-8000-000000000000", "workflow": "approval", "version": "3f3f",
                "status": "failed", "created": "2026-03-01T08:00:00.000Z", "ended": "2026-03-01T08:01:00.000Z",
                "untaken": 1,
                "failure": {"code": "trap", "message": "index out of bounds", "backtrace":
                    "0: approval::decide\n1: run"},
                "failed_tries": [{
                    "tries": 0, "time": "2026-03-01T08:00:30.000Z", "activation": 4, "version": "3f3f3f3f3f3f3f3f",
                    "failure": {"code": "trap", "message": "a bug"},
                    "operations": [{"operation": 7, "kind": "call", "step": "charge"}], "more_operations": 2,
                    "logs": [{"activation": 4, "time": "2026-03-01T08:00:30.000Z", "level": "warn", "message": "odd"}]
                }],
                "retryable": true, "bad_answers": [
                    {"operation": 3, "kind": "call", "step": "charge", "answer": "status 503", "again": true, "command":
                     "dormouse retry 019ca8b5-3a00-7000-8000-000000000000"},
                    {"operation": 1, "kind": "call", "step": "look", "answer": "unreachable: refused", "again": false,
                     "command": "dormouse retry --from 1 019ca8b5-3a00-7000-8000-000000000000"}
                ],
                "waiting": [], "waiting_truncated": false, "activations": 1, "operations": 1, "journal_bytes": 100,
                "last_activation": "2026-03-01T08:01:00.000Z"
            }"#,
        );
    }

    #[test]
    fn a_run_that_completed() {
        check(
            "completed",
            r#"{
                "id": "019ca8b5-3a00-7000-8000-000000000000", "workflow": "approval", "version": "3f3f",
                "status": "completed", "created": "2026-03-01T08:00:00.000Z", "ended": "2026-03-01T08:01:00.000Z",
                "untaken": 0, "output": {"decision": "approved",
 "reminders": 1},
                "waiting": [], "waiting_truncated": false, "activations": 3, "operations": 5, "journal_bytes": 900,
                "last_activation": "2026-03-01T08:01:00.000Z"
            }"#,
        );
    }
}
