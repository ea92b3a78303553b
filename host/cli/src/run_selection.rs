//! The runs of a command, given by their ids or by a filter.

use clap::Args;
use dormouse_api::Action;
use serde_json::value::RawValue;

use crate::bulk::Bulk;
use crate::connection::Connection;
use crate::error::CliError;
use crate::filter::Filter;

/// The runs that a command is about, and their host.
#[derive(Debug, Args)]
pub(crate) struct RunSelection {
    /// The ids of the runs, or the beginnings of their ids. A filter can be given instead
    #[arg(value_name = "RUN")]
    runs: Vec<String>,

    /// Does not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,

    #[command(flatten)]
    filter: Box<Filter>,

    #[command(flatten)]
    pub(crate) connection: Connection,
}

impl RunSelection {
    /// Returns the runs that are given by ids, or `None` if a filter gives them.
    pub(crate) fn named(&self) -> Result<Option<&[String]>, CliError> {
        match (self.runs.as_slice(), self.filter.is_empty()) {
            ([], true) => Err(CliError::Usage(
                "give the ids of runs, or a filter such as --workflow or --status".into(),
            )),
            ([], false) => Ok(None),
            (runs, true) => Ok(Some(runs)),
            (_, false) => Err(CliError::Usage(
                "give either the ids of runs or a filter, not both".into(),
            )),
        }
    }

    /// Returns the filter, if it names a workflow.
    pub(crate) fn of_workflow(&self) -> Option<(&str, &Filter)> {
        Some((self.filter.workflow()?, &self.filter))
    }

    /// Returns true if there is a filter.
    pub(crate) fn has_filter(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Returns the workflow, if nothing else was given.
    pub(crate) fn only_workflow(&self) -> Option<&str> {
        self.filter.only_workflow().filter(|_| self.runs.is_empty())
    }

    /// Returns the command for the runs of the filter.
    pub(crate) fn bulk<'a>(&'a self, action: Action, options: Option<&'a RawValue>) -> Bulk<'a> {
        Bulk {
            action,
            options,
            filter: &self.filter,
            yes: self.yes,
            json: self.connection.json,
        }
    }
}
