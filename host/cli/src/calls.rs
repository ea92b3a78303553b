//! `dormouse calls`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Run, Waiting};
use dormouse_journal::Time;

use crate::connection::Connection;
use crate::error::CliError;
use crate::run_id;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::plain_line;
use crate::time::{ago, now, until};

/// Lists the calls of a run that have no result yet, or prints the body that one of them sends
///
/// The host keeps the request of a call until the call has a result.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse calls 0198d2c4
  dormouse calls 0198d2c4 7 | jq .")]
pub struct Calls {
    /// The run's id, or its beginning
    run: String,

    /// The number of a call. The body that it sends is printed, byte for byte
    operation: Option<u32>,

    #[command(flatten)]
    connection: Connection,
}

impl Calls {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let client = self.connection.open()?;
        let run = run_id::find(&client, &self.run)?;
        if let Some(operation) = self.operation {
            let operation = operation.to_string();
            let url = client.url(&["runs", &run, "calls", &operation, "request"]);
            terminal.write(&client.get(&url)?.body)?;
            return Ok(ExitCode::SUCCESS);
        }
        let run: Run = client.get(&client.url(&["runs", &run]))?.json()?;
        let waiting = run.waiting.into_iter();
        let calls: Vec<Waiting> = waiting
            .filter(|waiting| waiting.kind == Waiting::CALL)
            .collect();
        if self.connection.json {
            terminal.print(&format!("{}\n", serde_json::json!({ "calls": calls })))?;
        } else if calls.is_empty() {
            terminal.note("no calls without a result")?;
        } else {
            terminal.print(&render(&calls, now()))?;
        }
        if run.waiting_truncated {
            terminal.note("the run waits for more than is listed; there may be more calls")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn render(calls: &[Waiting], now: Time) -> String {
    let mut table = Table::new(&[
        "operation",
        "step",
        "since",
        "attempts",
        "last error",
        "next attempt",
        "given up",
    ]);
    for call in calls {
        let at = |time: Option<_>, none: &str| time.map_or(none.into(), |time| until(time, now));
        let error = call.last_error.as_deref();
        table.row([
            call.operation.to_string().into(),
            plain_line(&call.step).into(),
            ago(call.since, now).into(),
            call.attempts.unwrap_or_default().to_string().into(),
            error.map_or_else(|| "none".into(), plain_line).into(),
            at(call.next_attempt, "under way").into(),
            at(call.gives_up, "never").into(),
        ]);
    }
    table.render(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_listed_with_how_far_they_have_come() {
        let json = r#"[
            {"operation": 2, "kind": "call", "step": "charge \u001b[2J", "since": "2026-03-01T08:00:01.000Z", "deadline": null,
             "attempts": 3, "last_error": "status 503", "next_attempt": "2026-03-01T08:05:00.000Z",
             "gives_up": "2026-03-02T08:00:01.000Z"},
            {"operation": 13, "kind": "call", "step": "once", "since": "2026-03-01T08:00:01.000Z", "deadline": null,
             "attempts": 1}
        ]"#;
        let calls: Vec<Waiting> = serde_json::from_str(json).unwrap();
        insta::assert_snapshot!(render(&calls, Time(1_772_352_240_000)));
    }
}
