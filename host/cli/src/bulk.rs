//! Commands that do the same thing to all runs of a filter.

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use dormouse_api::{Acted, ActedRun, Action, ActionLine, ProblemBody, RunPage};
use dormouse_journal::Status;
use http::Method;
use serde_json::value::RawValue;

use crate::client::{Body, Client};
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::filter::Filter;
use crate::terminal::Terminal;
use crate::text::{counted, plain_line};

/// The number up to which runs are counted before the question about them: one page of the API.
const COUNTED: usize = 500;

/// The largest number of failed runs that are named at the end.
const NAMED: usize = 100;

/// A command to be done to all runs of a filter.
pub(crate) struct Bulk<'a> {
    pub(crate) action: Action,
    /// The options of the action, as JSON.
    pub(crate) options: Option<&'a RawValue>,
    pub(crate) filter: &'a Filter,
    /// True if the command is to be done without a question.
    pub(crate) yes: bool,
    /// True if the API's lines are to be printed.
    pub(crate) json: bool,
}

/// Asks a question at the terminal. If there is no terminal, returns an error with the text `otherwise`, which
/// says what to do instead.
pub(crate) fn is_meant(
    terminal: &mut Terminal,
    question: &str,
    otherwise: String,
) -> Result<bool, CliError> {
    if !(terminal.watched && io::stdin().is_terminal()) {
        return Err(CliError::Usage(otherwise));
    }
    terminal.ask(&format!("{question} [y/N] "))?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

impl Bulk<'_> {
    /// Does the action, and prints the outcome for each run at once.
    pub(crate) fn run(
        &self,
        client: &Client,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        if !self.yes && !is_wanted(self.action, || hit(client, self.filter, None), terminal)? {
            terminal.note("nothing was done")?;
            return Ok(ExitCode::from(REFUSED));
        }
        let mut url = client.url(&["runs", "actions"]);
        self.filter.add_to(&mut url);
        let body = serde_json::json!({"action": self.action, "options": self.options});
        let body = body.to_string();
        let body = Body {
            content_type: "application/json",
            bytes: &mut body.as_bytes(),
            length: body.len() as u64,
        };
        let mut last = None;
        let (mut done, mut failed) = (0, Vec::new());
        client.lines(Method::POST, &url, body, |line| {
            if self.json {
                terminal.json(line.trim_end().as_bytes())?;
            }
            match serde_json::from_str(line).map_err(|error| client.strange(&error))? {
                ActionLine::Run(run) => {
                    if self.report(&run, terminal)? {
                        done += 1;
                    } else {
                        failed.push(run.id);
                    }
                    terminal.progress(&format!("{done} done, {} failed", failed.len()))?;
                }
                ActionLine::Last(acted) => last = Some(acted),
            }
            Ok(())
        })?;
        terminal.clear_progress()?;
        let last = last.ok_or_else(|| client.strange(&"its answer broke off"))?;
        conclude(last, &failed, terminal)
    }

    /// Prints the outcome for a run. Returns true if the action was done.
    fn report(&self, run: &ActedRun, terminal: &mut Terminal) -> Result<bool, CliError> {
        let id = &run.id;
        if let Some(code) = &run.code {
            let detail = plain_line(run.detail.as_deref().unwrap_or_default());
            terminal.note(&format!("error: {id}: {detail} ({})", plain_line(code)))?;
            return Ok(false);
        }
        if !self.json {
            terminal.print(&match (&run.started, run.status) {
                (Some(started), _) => started.clone(),
                (None, Some(status)) => outcome(self.action, id, status),
                (None, None) => format!("run {id}: done"),
            })?;
        }
        Ok(true)
    }
}

/// Formats what an action has done to a run that has this status now. A run that is deleted had this status before.
pub(crate) fn outcome(action: Action, id: &str, status: Status) -> String {
    match (action, status) {
        (Action::Delete, _) => format!("run {id} is deleted; it was {status}"),
        (Action::Cancel, Status::Failed) => format!("run {id} has failed, and is given up"),
        (Action::Cancel, _) if !status.has_ended() => {
            format!("run {id} is asked to cancel, and is {status} now")
        }
        _ => format!("run {id} is {status}"),
    }
}

/// Asks whether the action is to be done to all runs that the filter hits, if they are more than one.
pub(crate) fn is_wanted(
    action: Action,
    hit: impl FnOnce() -> Result<usize, CliError>,
    terminal: &mut Terminal,
) -> Result<bool, CliError> {
    let hit = match hit()? {
        0 | 1 => return Ok(true),
        COUNTED.. => format!("{COUNTED} runs or more"),
        hit => counted(hit as u64, "run"),
    };
    let action = action.as_str();
    let otherwise = format!("{hit} would be hit: give --yes to {action} them");
    is_meant(terminal, &format!("{action} {hit}?"), otherwise)
}

/// Returns how many runs a filter hits, up to [`COUNTED`] or a little more. If a status is given, only runs
/// with this status count.
pub(crate) fn hit(
    client: &Client,
    filter: &Filter,
    status: Option<Status>,
) -> Result<usize, CliError> {
    let mut list = client.url(&["runs"]);
    filter.add_to(&mut list);
    if let Some(status) = status {
        list.query_pairs_mut()
            .append_pair("status", status.as_str());
    }
    list.query_pairs_mut()
        .append_pair("limit", &COUNTED.to_string());
    let mut url = list.clone();
    let mut hit = 0;
    loop {
        let page: RunPage = client.get(&url)?.json()?;
        hit += page.runs.len();
        match page.next {
            Some(next) if hit < COUNTED => url = crate::pages::at(&list, &next),
            _ => return Ok(hit),
        }
    }
}

/// Prints for which runs the action failed, and returns the exit code.
fn conclude(last: Acted, failed: &[String], terminal: &mut Terminal) -> Result<ExitCode, CliError> {
    if let Some(code) = last.code {
        let detail = last.detail.unwrap_or_default();
        let done = last.done;
        return Err(CliError::Refused(ProblemBody {
            kind: "about:blank".into(),
            title: String::new(),
            status: 503,
            detail: format!(
                "it ended after {}: {detail}",
                counted(done + last.failed, "run")
            ),
            code,
            difference: None,
        }));
    }
    let all = last.done + last.failed;
    if all == 0 {
        terminal.note("no runs")?;
    }
    if last.failed == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    let named = failed.iter().take(NAMED).map(String::as_str);
    let named = named.collect::<Vec<_>>().join(" ");
    let more = if failed.len() > NAMED {
        " and others"
    } else {
        ""
    };
    terminal.note(&format!("{} of {all} failed: {named}{more}", last.failed))?;
    Ok(ExitCode::from(REFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_a_cancel_says_whether_the_run_has_ended() {
        let cancel = |status| outcome(Action::Cancel, "R", status);
        assert_eq!(cancel(Status::Cancelled), "run R is cancelled");
        assert_eq!(
            cancel(Status::Suspended),
            "run R is asked to cancel, and is suspended now"
        );
        assert_eq!(cancel(Status::Failed), "run R has failed, and is given up");
        assert_eq!(
            outcome(Action::Delete, "R", Status::Failed),
            "run R is deleted; it was failed"
        );
    }
}
