//! `dormouse restart`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, StartedRun};
use http::{HeaderName, Method};
use serde_json::value::RawValue;

use crate::client::Body;
use crate::error::CliError;
use crate::input::Input;
use crate::run_id;
use crate::run_selection::RunSelection;
use crate::terminal::Terminal;

/// Starts new runs with the inputs of other runs, and prints their ids
///
/// A new run gets the input that the old run was started with, or the one given here, and the current version of the
/// workflow. The old run is not changed: cancel it if it is to do nothing more.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse restart 0198d2c4
  dormouse restart 0198d2c4 --input '{\"count\": 3}'
  dormouse restart --workflow fan-out --status failed --ended-since 2h")]
pub struct Restart {
    /// Another input: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "INPUT", allow_hyphen_values = true)]
    input: Option<String>,

    /// An Idempotency-Key: a repeat with the same key and input starts nothing, and prints the run that was started first.
    /// For one run only
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,

    #[command(flatten)]
    run_selection: RunSelection,
}

impl Restart {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let runs = self.run_selection.named()?;
        if self.idempotency_key.is_some() && runs.is_none_or(|runs| runs.len() > 1) {
            return Err(CliError::Usage(
                "--idempotency-key is for one start: give only one run with it".into(),
            ));
        }
        let body = self.input.as_deref().map(body).transpose()?;
        let body = body.unwrap_or_default();
        let client = self.run_selection.connection.open()?;
        let Some(runs) = runs else {
            let options = (!body.is_empty()).then(|| serde_json::from_slice(&body));
            let options: Option<&RawValue> = options.transpose().map_err(std::io::Error::from)?;
            let bulk = self.run_selection.bulk(Action::Restart, options);
            return bulk.run(&client, terminal);
        };
        let key = self.idempotency_key.as_deref();
        let key = key.map(|key| (HeaderName::from_static("idempotency-key"), key));
        run_id::each(runs, terminal, |run, terminal| {
            let run = run_id::find(&client, run)?;
            let url = client.url(&["runs", &run, "restart"]);
            let body = Body {
                content_type: "application/json",
                bytes: &mut body.as_slice(),
                length: body.len() as u64,
            };
            let answer = client.send(Method::POST, &url, key.as_slice(), Some(body))?;
            if self.run_selection.connection.json {
                terminal.json(&answer.body)?;
                return Ok(());
            }
            let started: StartedRun = answer.json()?;
            terminal.print(&started.id)?;
            Ok(())
        })
    }
}

/// Returns the body of a restart with this input.
fn body(input: &str) -> Result<Vec<u8>, CliError> {
    let Input { bytes, .. } =
        Input::read_checked("--input", Some(input), Some("application/json"))?;
    let input: &RawValue = serde_json::from_slice(&bytes)
        .map_err(|error| CliError::Usage(format!("--input is not JSON: {error}")))?;
    Ok([br#"{"input":"#, input.get().as_bytes(), b"}"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_is_passed_on_as_it_is_written() {
        let check = |input: &str, expected: &str| {
            assert_eq!(String::from_utf8(body(input).unwrap()).unwrap(), expected);
        };
        check("[1.0, 2]", r#"{"input":[1.0, 2]}"#);
        check("null", r#"{"input":null}"#);
        let error = body("{").unwrap_err();
        assert!(
            error.to_string().starts_with("--input is not JSON"),
            "{error}"
        );
    }
}
