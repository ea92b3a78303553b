//! Filters: the options that choose runs by their properties rather than by their ids.

use clap::Args;
use dormouse_api::Timestamp;
use url::Url;

use crate::time::date;

/// The conditions that runs must meet, all of them.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filter")]
pub(crate) struct Filter {
    /// Only runs of this workflow
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,

    /// Only runs with this status: pending, running, suspended, blocked, completed, failed or cancelled
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,

    /// Only runs on this version
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,

    /// Only runs that this run has started
    #[arg(long, value_name = "RUN")]
    parent: Option<String>,

    /// Only runs with this label. Give the flag again for further labels, which a run must have too
    #[arg(long = "label", value_name = "KEY:VALUE")]
    labels: Vec<String>,

    /// Only runs that were started at this time or later: a date such as 2026-03-01T08:00:00Z, or how long ago, such as 2h or 7d
    #[arg(long, value_name = "TIME", value_parser = date)]
    since: Option<Timestamp>,

    /// Only runs that were started before this time
    #[arg(long, value_name = "TIME", value_parser = date)]
    until: Option<Timestamp>,

    /// Only runs that ended at this time or later
    #[arg(long, value_name = "TIME", value_parser = date)]
    ended_since: Option<Timestamp>,

    /// Only runs that ended before this time
    #[arg(long, value_name = "TIME", value_parser = date)]
    ended_until: Option<Timestamp>,

    /// Only runs that have failed, or are blocked, with this code
    #[arg(long, value_name = "CODE")]
    failure: Option<String>,

    /// Only runs that wait for one of these: webhook, event, sleep, call, run or cancel
    #[arg(long, value_name = "KIND")]
    waiting: Option<String>,
}

impl Filter {
    /// Adds the conditions to the query of a URL.
    pub(crate) fn add_to(&self, url: &mut Url) {
        for (name, value) in self.conditions() {
            url.query_pairs_mut().append_pair(name, &value);
        }
    }

    /// Returns the workflow, if the filter has one.
    pub(crate) fn workflow(&self) -> Option<&str> {
        self.workflow.as_deref()
    }

    /// Returns true if the filter has a status.
    pub(crate) fn has_status(&self) -> bool {
        self.status.is_some()
    }

    /// Returns true if the filter has no condition.
    pub(crate) fn is_empty(&self) -> bool {
        self.conditions().is_empty()
    }

    /// Returns the workflow, if it is the only condition.
    pub(crate) fn only_workflow(&self) -> Option<&str> {
        let workflow = self.workflow.as_deref()?;
        (self.conditions().len() == 1).then_some(workflow)
    }

    fn conditions(&self) -> Vec<(&'static str, String)> {
        let date = |date: Option<Timestamp>| date.map(|date| date.to_string());
        let conditions = [
            ("workflow", self.workflow.clone()),
            ("status", self.status.clone()),
            ("version", self.version.clone()),
            ("parent", self.parent.clone()),
            ("since", date(self.since)),
            ("until", date(self.until)),
            ("ended-since", date(self.ended_since)),
            ("ended-until", date(self.ended_until)),
            ("failure", self.failure.clone()),
            ("waiting", self.waiting.clone()),
        ];
        let labels = self.labels.iter().map(|label| ("label", label.clone()));
        let set = |(name, value): (_, Option<_>)| value.map(|value| (name, value));
        conditions
            .into_iter()
            .filter_map(set)
            .chain(labels)
            .collect()
    }
}
