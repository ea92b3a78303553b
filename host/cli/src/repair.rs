//! `dormouse retry`, and what it has in common with `dormouse move`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, Difference, RepairedRun, RequestBack, Run, Side, TakenBack};
use http::Method;
use serde_json::{Map, Value};

use crate::bulk::is_meant;
use crate::client::{Body, Client};
use crate::error::CliError;
use crate::run_id;
use crate::run_selection::RunSelection;
use crate::terminal::Terminal;
use crate::text::plain_line;
use crate::version;

/// Retries runs whose code broke, or that have failed
///
/// A run is blocked when its code traps, panics, hits a limit, or waits for something that can never happen. It fails when
/// its workflow returns an error. In both cases the host discards what the run did since it last waited, except answers to
/// callers. A retry executes this part again, with the current version of the workflow if that version repeats what the run
/// has done before. If a failed run got an error for a call, or a status of 400 or more, this call is made again.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse retry 0198d2c4
  dormouse retry --dry-run 0198d2c4
  dormouse retry --from charge-card 0198d2c4
  dormouse retry --workflow approval --status blocked --yes")]
pub struct Retry {
    /// The version to go on with, or its beginning, instead of the current one
    #[arg(long, value_name = "VERSION")]
    on: Option<String>,

    /// Takes the run back to before this step had its result, and does the step and everything after it again: the name of
    /// a step, or the number of an operation
    #[arg(long, value_name = "STEP")]
    from: Option<String>,

    /// Retries the run even if it would break or fail again, if the run that started it has learnt that it failed, or if a run
    /// that was started for its failure is at work
    #[arg(long)]
    anyway: bool,

    /// Changes nothing, and says what would be done
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    run_selection: RunSelection,
}

impl Retry {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let mut body = Map::new();
        if let Some(version) = &self.on {
            body.insert("version".into(), version.as_str().into());
        }
        if let Some(from) = &self.from {
            body.insert("from".into(), from.as_str().into());
        }
        if self.anyway {
            body.insert("anyway".into(), true.into());
        }
        if self.dry_run {
            body.insert("dry_run".into(), true.into());
        }
        repair(&self.run_selection, Action::Retry, &body.into(), terminal)
    }
}

pub(crate) fn repair(
    run_selection: &RunSelection,
    action: Action,
    body: &Value,
    terminal: &mut Terminal,
) -> Result<ExitCode, CliError> {
    let connection = &run_selection.connection;
    let client = connection.open()?;
    let Some(runs) = run_selection.named()? else {
        let body = match run_selection.of_workflow() {
            Some((workflow, _)) => with_whole_version(&client, body, || Ok(workflow.to_owned()))?,
            None => body.clone(),
        };
        let options = serde_json::value::to_raw_value(&body).map_err(std::io::Error::from)?;
        return run_selection
            .bulk(action, Some(&options))
            .run(&client, terminal);
    };
    let is_dry = body["dry_run"] == true;
    run_id::each(runs, terminal, |run, terminal| {
        let run = run_id::find(&client, run)?;
        let body = &with_whole_version(&client, body, || workflow_of(&client, &run))?;
        if let Some(from) = body["from"].as_str()
            && !is_dry
            && !run_selection.yes
            && !is_wanted(&client, &run, (from, body), terminal)?
        {
            terminal.note("nothing was done")?;
            return Ok(());
        }
        let answer = send(&client, &run, action.as_str(), body);
        if let Err(CliError::Refused(problem)) = &answer
            && let Some(difference) = &problem.difference
        {
            terminal.note(&shown(difference))?;
        }
        let answer = answer?;
        if connection.json {
            terminal.json(&answer.body)?;
            return Ok(());
        }
        let repaired: RepairedRun = answer.json()?;
        if let Some(difference) = &repaired.differs {
            terminal.note("the current version was not used, because it does not repeat what the run has done:")?;
            terminal.note(&shown(difference))?;
        }
        if let Some(back) = repaired.back.as_ref().filter(|_| is_dry) {
            terminal.note(&shown_back(back))?;
        }
        let goes = if is_dry { "would go on" } else { "goes on" };
        let RepairedRun { id, version, .. } = repaired;
        terminal.print(&format!("run {id} {goes} with version {version}"))?;
        Ok(())
    })
}

/// Returns the body of a repair with a whole version, if it names one by its beginning.
fn with_whole_version(
    client: &Client,
    body: &Value,
    workflow: impl FnOnce() -> Result<String, CliError>,
) -> Result<Value, CliError> {
    let mut body = body.clone();
    if let Some(text) = body["version"].as_str()
        && !version::is_whole(text)
    {
        body["version"] = version::find(client, &workflow()?, text)?.into();
    }
    Ok(body)
}

/// Returns the workflow of a run.
fn workflow_of(client: &Client, run: &str) -> Result<String, CliError> {
    let run: Run = client.get(&client.url(&["runs", run]))?.json()?;
    Ok(run.summary.workflow)
}

/// Shows what taking a run back would undo, and asks whether to do it.
fn is_wanted(
    client: &Client,
    run: &str,
    (from, body): (&str, &Value),
    terminal: &mut Terminal,
) -> Result<bool, CliError> {
    let mut body = body.clone();
    body["dry_run"] = true.into();
    let answer = send(client, run, Action::Retry.as_str(), &body)?;
    let repaired: RepairedRun = answer.json()?;
    if let Some(back) = &repaired.back {
        terminal.note(&shown_back(back))?;
    }
    let from = plain_line(from);
    let otherwise = format!("run {run} would be taken back to {from:?}: give --yes to do so");
    is_meant(
        terminal,
        &format!("take run {run} back to {from:?}?"),
        otherwise,
    )
}

/// Formats what taking a run back undoes.
fn shown_back(back: &TakenBack) -> String {
    let mut text = format!(
        "back to before {:?} (operation {})",
        plain_line(&back.step),
        back.operation
    );
    let again = back.again.iter().map(|call| {
        let (step, request) = (plain_line(&call.step), plain_line(&call.request));
        format!("{step:?} (operation {}): {request}", call.operation)
    });
    let children = back.children.iter();
    let children = children.map(|child| format!("{} is {}", child.id, plain_line(&child.becomes)));
    let requests = back.requests.iter().map(|request| match request {
        RequestBack {
            event: Some(event), ..
        } => format!("event {:?}", plain_line(event)),
        RequestBack {
            webhook, delivery, ..
        } => format!(
            "request {} to webhook {}",
            plain_line(delivery.as_deref().unwrap_or_default()),
            webhook.unwrap_or_default()
        ),
    });
    let totals = &back.totals;
    let parts: [(&str, u64, Vec<String>); 3] = [
        ("sent again", totals.again, again.collect()),
        ("started since", totals.children, children.collect()),
        ("put back", totals.requests, requests.collect()),
    ];
    for (what, total, lines) in parts {
        if total == 0 {
            continue;
        }
        text += &format!("\n  {what}: {total}");
        for line in &lines {
            text += &format!("\n    {line}");
        }
        if total > lines.len() as u64 {
            text += "\n    …";
        }
    }
    text
}

fn send(
    client: &Client,
    run: &str,
    verb: &str,
    body: &Value,
) -> Result<crate::client::Answer, CliError> {
    let body = body.to_string();
    let body = Body {
        content_type: "application/json",
        bytes: &mut body.as_bytes(),
        length: body.len() as u64,
    };
    client.send(
        Method::POST,
        &client.url(&["runs", run, verb]),
        &[],
        Some(body),
    )
}

/// Formats a difference: the operation in the history and in the code, and each argument that differs.
#[must_use]
pub fn shown(difference: &Difference) -> String {
    let mut text = format!("operation {}", difference.operation);
    if let Some(activation) = difference.activation {
        text += &format!(", activation {activation}");
    }
    let sides = [
        ("recorded", &difference.recorded),
        ("made", &difference.made),
    ];
    for (name, side) in sides {
        text += &format!("\n  {name}: {}", side_text(side));
        for argument in &difference.differs {
            let value = match side.arguments.get(argument) {
                Some(value) => plain_line(&value.to_string()),
                None => "another, which is not kept".into(),
            };
            text += &format!("\n    {}: {value}", plain_line(argument));
        }
    }
    text
}

fn side_text(side: &Side) -> String {
    match (side.kind.as_str(), &side.step) {
        (kind, Some(step)) => format!("{} {:?}", plain_line(kind), plain_line(step)),
        ("nothing", None) => "nothing more before the next completion".into(),
        ("other-end", None) => "the end of the run with another result".into(),
        (_, None) => "the end of the run".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_of_an_operation_is_shown_argument_by_argument() {
        let side = |ms: u64| {
            serde_json::json!({
                "kind": "sleep", "step": "nap", "digest": ms.to_string(), "arguments": {"duration_ms": ms},
            })
        };
        let difference = serde_json::json!({
            "activation": 2, "operation": 3, "recorded": side(5), "made": side(6), "differs": ["body", "duration_ms"],
        });
        let difference: Difference = serde_json::from_value(difference).unwrap();
        assert_eq!(
            shown(&difference),
            "operation 3, activation 2\n  recorded: sleep \"nap\"\n    body: another, which is not kept\n    \
             duration_ms: 5\n  made: sleep \"nap\"\n    body: another, which is not kept\n    duration_ms: 6"
        );
        let ends =
            serde_json::json!({"operation": 3, "recorded": side(5), "made": {"kind": "end"}});
        let ends: Difference = serde_json::from_value(ends).unwrap();
        assert!(shown(&ends).ends_with("made: the end of the run"));
    }
}
