//! The filter of runs in a request's query.

use std::fmt::Display;
use std::str::FromStr;

use dormouse_journal::{Awaited, Label, RunId, Status, VersionId};

use super::{IdPrefix, LABEL, Malformed, QueryParams};
use crate::Timestamp;

/// The filter of a request: the runs that meet every condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Runs of this workflow.
    pub workflow: Option<String>,
    /// Runs with this status.
    pub status: Option<Status>,
    /// Runs on this version.
    pub version: Option<VersionId>,
    /// Runs that this run has started.
    pub parent: Option<RunId>,
    /// Runs that have all these labels.
    pub labels: Vec<Label>,
    /// Runs that were started at this time or later.
    pub since: Option<Timestamp>,
    /// Runs that were started before this time.
    pub until: Option<Timestamp>,
    /// Runs that have ended at this time or later.
    pub ended_since: Option<Timestamp>,
    /// Runs that have ended before this time.
    pub ended_until: Option<Timestamp>,
    /// Runs whose ids begin with this text.
    pub ids: Option<IdPrefix>,
    /// Runs that have failed, or are blocked, with this code.
    pub failure: Option<String>,
    /// Runs that wait for something of this kind.
    pub awaited: Option<Awaited>,
}

impl RunFilter {
    /// The names of the parameters without [`LABEL`], which is the only one that may repeat.
    pub const PARAMS: [&str; 11] = [
        "workflow",
        "status",
        "version",
        "parent",
        "since",
        "until",
        "ended-since",
        "ended-until",
        "id",
        "failure",
        "waiting",
    ];

    /// Reads the filter of a query.
    ///
    /// # Errors
    /// When a parameter has a value that no run can have.
    pub fn from_query(params: &QueryParams) -> Result<Self, Malformed> {
        let labels = params.all(LABEL).map(|text| {
            text.parse()
                .map_err(|error| Malformed::of_query(LABEL, format!("{text:?} {error}")))
        });
        Ok(RunFilter {
            workflow: params.text("workflow").map(str::to_owned),
            status: params.value::<Known>("status")?.map(|known| known.0),
            version: params.value("version")?,
            parent: params.value("parent")?,
            labels: labels.collect::<Result<_, _>>()?,
            since: params.value("since")?,
            until: params.value("until")?,
            ended_since: params.value("ended-since")?,
            ended_until: params.value("ended-until")?,
            ids: IdPrefix::from_query(params)?,
            failure: params.text("failure").map(str::to_owned),
            awaited: params.value("waiting")?,
        })
    }

    /// Returns true if the filter has no condition, so that every run meets it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == RunFilter::default()
    }
}

/// A status by its name in a filter.
struct Known(Status);

impl FromStr for Known {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let mut all = Status::ALL.into_iter();
        let status = all.find(|status| status.as_str() == text);
        status.map(Known).ok_or(UnknownStatus)
    }
}

/// The error for a text that is not a status.
struct UnknownStatus;

impl Display for UnknownStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "give one of {}",
            Status::ALL.map(Status::as_str).join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::Time;

    use super::*;

    fn read(query: &str) -> Result<RunFilter, Malformed> {
        let uri = format!("/v1/runs?{query}").parse().unwrap();
        let params = QueryParams::read_repeating(&uri, &RunFilter::PARAMS, &[LABEL])?;
        RunFilter::from_query(&params)
    }

    #[test]
    fn every_condition_is_read() {
        let version = "0".repeat(64);
        let filter = read(&format!(
            "workflow=w&status=failed&version={version}&label=a:1&label=b:2:3&since=1970-01-01T00:00:01Z&\
             until=1970-01-01T01:00:02%2B01:00&ended-since=1970-01-01T00:00:03Z&ended-until=1970-01-01T00:00:04.5Z&\
             id=0198&failure=trap&parent=0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6&waiting=sleep"
        ))
        .unwrap();
        assert_eq!(filter.workflow.as_deref(), Some("w"));
        assert_eq!(filter.status, Some(Status::Failed));
        assert_eq!(filter.version, Some(VersionId([0; 32])));
        let labels: Vec<String> = filter.labels.iter().map(Label::to_string).collect();
        assert_eq!(labels, ["a:1", "b:2:3"]);
        let times = [
            filter.since,
            filter.until,
            filter.ended_since,
            filter.ended_until,
        ];
        let at = |time| Some(Timestamp(Time(time)));
        assert_eq!(times, [at(1_000), at(2_000), at(3_000), at(4_500)]);
        assert!(filter.ids.is_some());
        assert!(filter.parent.is_some());
        assert_eq!(filter.failure.as_deref(), Some("trap"));
        assert_eq!(filter.awaited, Some(Awaited::Sleep));
        assert!(!filter.is_empty());
    }

    #[test]
    fn without_conditions_it_is_empty() {
        assert!(read("").unwrap().is_empty());
        for name in RunFilter::PARAMS.into_iter().chain([LABEL]) {
            let value = match name {
                "status" => "failed",
                "version" => &"0".repeat(64),
                "id" => "0",
                "waiting" => "call",
                "parent" => "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6",
                LABEL => "a:1",
                name if name.ends_with("since") || name.ends_with("until") => {
                    "1970-01-01T00:00:01Z"
                }
                _ => "x",
            };
            let filter = read(&format!("{name}={value}")).unwrap();
            assert!(!filter.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_wrong_value_is_named() {
        for (query, says) in [
            (
                "status=done",
                "\"status\" is \"done\": give one of pending, running",
            ),
            ("version=1", "64 hexadecimal digits"),
            ("label=a", "\"label\" \"a\" has no colon"),
            (
                "since=yesterday",
                "\"since\" is \"yesterday\": give a date as RFC 3339",
            ),
            ("ended-until=1", "\"ended-until\" is \"1\""),
            ("until=1969-12-31T00:00:00Z", "\"until\""),
            (
                "waiting=timer",
                "\"waiting\" is \"timer\": give one of webhook, event, sleep",
            ),
            ("id=x", "the beginning of a run's id"),
            ("state=failed", "\"state\" is not known here"),
        ] {
            let error = read(query).unwrap_err();
            assert_eq!(error.code, "invalid-query");
            assert!(error.detail.contains(says), "{error}");
        }
    }
}
