//! `dormouse move`.

use std::process::ExitCode;

use clap::Args;
use dormouse_api::{Action, MoveLine, MoveResult, MovedRun, MovedRuns, ProblemBody};
use dormouse_journal::Status;
use http::Method;

use crate::bulk::{hit, is_wanted};
use crate::client::{Body, Client};
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::filter::Filter;
use crate::repair::{repair, shown};
use crate::run_selection::RunSelection;
use crate::terminal::Terminal;
use crate::text::{counted, plain_line};
use crate::version;

/// Moves runs to another version of their workflow
///
/// A run is moved if the version repeats everything that the run has done so far. Otherwise the run stays on its version, and
/// the first difference is shown. With --workflow, all runs of the workflow are moved that have not ended and are on another
/// version, a few at a time. If the command is stopped, the same command continues with those that are left.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse move --to 5f1d… 0198d2c4
  dormouse move --to 5f1d… --dry-run 0198d2c4
  dormouse move --to 5f1d… --workflow approval --dry-run
  dormouse move --to 5f1d… --workflow approval --from-version 3a0c… --label tenant:42 --yes")]
pub struct Move {
    /// The version to move to, or its beginning; `dormouse workflows show NAME` lists the versions
    #[arg(long, value_name = "VERSION")]
    to: String,

    /// Only runs that are on this version, or the version that begins so; needs --workflow
    #[arg(long, value_name = "VERSION", requires = "workflow")]
    from_version: Option<String>,

    /// Changes nothing, and says whether the runs could be moved
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    run_selection: RunSelection,
}

impl Move {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let run_selection = &self.run_selection;
        match (run_selection.named()?, run_selection.of_workflow()) {
            (None, Some((workflow, filter))) => self.of_workflow(workflow, filter, terminal),
            _ => {
                let body = serde_json::json!({"version": self.to, "dry_run": self.dry_run});
                repair(run_selection, Action::Move, &body, terminal)
            }
        }
    }

    /// Moves the runs of a workflow, and prints the outcome for each run at once.
    fn of_workflow(
        &self,
        workflow: &str,
        filter: &Filter,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        let connection = &self.run_selection.connection;
        let client = connection.open()?;
        let is_sure = self.dry_run || self.run_selection.yes;
        if !is_sure && !is_wanted(Action::Move, || alive(&client, filter), terminal)? {
            terminal.note("nothing was done")?;
            return Ok(ExitCode::from(REFUSED));
        }
        let find = |text: &str| version::find(&client, workflow, text);
        let to = find(&self.to)?;
        let from_version = self.from_version.as_deref().map(find).transpose()?;
        let mut url = client.url(&["workflows", workflow, "move"]);
        filter.add_to(&mut url);
        let body = serde_json::json!({
            "version": to, "from_version": from_version, "dry_run": self.dry_run,
        });
        let body = body.to_string();
        let body = Body {
            content_type: "application/json",
            bytes: &mut body.as_bytes(),
            length: body.len() as u64,
        };
        let mut last = None;
        let mut done = 0;
        client.lines(Method::POST, &url, body, |line| {
            if connection.json {
                terminal.json(line.trim_end().as_bytes())?;
            }
            match serde_json::from_str(line).map_err(|error| client.strange(&error))? {
                MoveLine::Run(run) => {
                    report(&run, connection.json, terminal)?;
                    done += 1;
                    terminal.progress(&format!("{done} done"))?;
                }
                MoveLine::Last(moved) => last = Some(moved),
            }
            Ok(())
        })?;
        terminal.clear_progress()?;
        let last = last.ok_or_else(|| client.strange(&"its answer broke off"))?;
        self.conclude(&last, terminal)
    }

    /// Prints how many runs were moved, and returns the exit code.
    fn conclude(&self, last: &MovedRuns, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let MovedRuns {
            moved,
            agree,
            differ,
            skipped,
            ..
        } = last;
        if let Some(code) = &last.code {
            let done = counted(moved + agree + differ + skipped, "run");
            let detail = last.detail.as_deref().unwrap_or_default();
            return Err(CliError::Refused(ProblemBody {
                kind: "about:blank".into(),
                title: String::new(),
                status: 503,
                detail: format!("it ended after {done}; the same command goes on: {detail}"),
                code: code.clone(),
                difference: None,
            }));
        }
        if !self.run_selection.connection.json {
            let moved = match self.dry_run {
                true => format!("{} could be moved", counted(*agree, "run")),
                false => format!("{} moved", counted(*moved, "run")),
            };
            terminal.print(&format!("{moved}, {differ} differ, {skipped} skipped"))?;
        }
        Ok(match differ + skipped {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(REFUSED),
        })
    }
}

/// Prints the outcome of the move of a run.
fn report(run: &MovedRun, is_json: bool, terminal: &mut Terminal) -> Result<(), CliError> {
    let MovedRun { id, status, .. } = run;
    match run.result {
        MoveResult::Moved if !is_json => terminal.print(&format!("run {id} is moved: {status}"))?,
        MoveResult::Agrees if !is_json => {
            terminal.print(&format!("run {id} could be moved: {status}"))?;
        }
        MoveResult::Moved | MoveResult::Agrees => {}
        MoveResult::Differs | MoveResult::Skipped => {
            let detail = plain_line(run.detail.as_deref().unwrap_or_default());
            let code = plain_line(run.code.as_deref().unwrap_or_default());
            terminal.note(&format!("error: {id}: {detail} ({code})"))?;
            if let Some(difference) = &run.difference {
                terminal.note(&shown(difference))?;
            }
        }
    }
    Ok(())
}

/// Returns how many runs that have not ended a filter hits, as far as they are counted.
fn alive(client: &Client, filter: &Filter) -> Result<usize, CliError> {
    if filter.has_status() {
        return hit(client, filter, None);
    }
    let alive = Status::ALL.into_iter().filter(|status| !status.has_ended());
    let mut all = 0;
    for status in alive {
        all += hit(client, filter, Some(status))?;
    }
    Ok(all)
}
