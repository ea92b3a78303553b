//! Finds runs by the beginning of an id, as people write it.

use std::process::ExitCode;

use dormouse_api::RunPage;
use dormouse_api::request::IdPrefix;

use crate::client::Client;
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::terminal::Terminal;

/// The length of a whole id.
const WHOLE: usize = 36;

/// The largest number of runs that a message about several lists.
const LISTED: usize = 5;

/// Returns the id of the one run whose id begins with `text`. A whole id is returned unchanged: the host knows whether
/// there is such a run.
pub(crate) fn find(client: &Client, text: &str) -> Result<String, CliError> {
    check(text)?;
    if text.len() >= WHOLE {
        return Ok(text.to_owned());
    }
    let mut url = client.url(&["runs"]);
    let most = (LISTED + 1).to_string();
    url.query_pairs_mut()
        .append_pair("id", text)
        .append_pair("limit", &most);
    let page: RunPage = client.get(&url)?.json()?;
    match page.runs.as_slice() {
        [run] => Ok(run.id.clone()),
        [] => Err(CliError::Usage(format!(
            "there is no run whose id begins with {text:?}; `dormouse runs` lists the runs"
        ))),
        runs => {
            let ids: Vec<&str> = runs
                .iter()
                .take(LISTED)
                .map(|run| run.id.as_str())
                .collect();
            let more = if runs.len() > LISTED {
                " and others"
            } else {
                ""
            };
            Err(CliError::Usage(format!(
                "several runs have ids that begin with {text:?}: {}{more}; give a longer part of the id",
                ids.join(", ")
            )))
        }
    }
}

/// Returns an error if no id can begin with this text.
fn check(text: &str) -> Result<(), CliError> {
    if IdPrefix::read(text).is_some() {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{text:?} is not the id of a run, nor the beginning of one: ids look like 0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6, and \
         `dormouse runs` lists them"
    )))
}

/// Does something to each of these runs, also if it fails for some. Prints at the end for which runs it failed.
pub(crate) fn each(
    runs: &[String],
    terminal: &mut Terminal,
    mut act: impl FnMut(&str, &mut Terminal) -> Result<(), CliError>,
) -> Result<ExitCode, CliError> {
    if let [run] = runs {
        act(run, terminal)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut failed = Vec::new();
    for run in runs {
        match act(run, terminal) {
            Ok(()) => {}
            // The other runs would fail for the same reason.
            Err(error) if error.is_about_the_host() => return Err(error),
            Err(error) => {
                terminal.note(&format!("error: {run}: {error}"))?;
                failed.push(run.as_str());
            }
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    terminal.note(&format!(
        "{} of {} failed: {}",
        failed.len(),
        runs.len(),
        failed.join(" ")
    ))?;
    Ok(ExitCode::from(REFUSED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_which_no_id_begins_is_refused_by_its_name() {
        for text in ["0", "0198D2C4-7c", "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6"] {
            assert!(check(text).is_ok(), "{text}");
        }
        for text in [
            "greeting",
            "",
            "0198d2c47c",
            "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6/output",
        ] {
            let error = check(text).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{text}");
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("{text:?} is not the id")),
                "{error}"
            );
        }
    }
}
