//! Operations that a run waits for.

use dormouse_journal::{Kind, Open, OperationNumber};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Dates, Timestamp};

/// An operation that has not completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// The number of the operation in its run.
    pub operation: u32,
    /// The import that was called.
    #[schema(example = "wait-for-webhook")]
    pub kind: String,
    /// The step name, which the author chose.
    pub step: String,
    /// When the operation was made.
    pub since: Timestamp,
    /// When the operation ends by itself, if it does.
    pub deadline: Option<Timestamp>,
    /// For a wait for an event: the name of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// For a wait for a run: the id of that run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// For a call: the number of attempts, including one that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// For a call that is tried again: why the last attempt did not succeed, cut after 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// For a call that is tried again: when the next attempt is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// For a call: when it is given up. No attempt begins after that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gives_up: Option<Timestamp>,
}

impl Waiting {
    /// The kind of a call.
    pub const CALL: &'static str = "call";

    /// Returns the shown form of an operation. `dates` converts its times.
    #[must_use]
    pub fn of((number, open): &(OperationNumber, Open), dates: Dates) -> Self {
        // A date that the workflow named is a date already.
        let named = open.kind.date().map(Timestamp);
        let (event, run) = match &open.kind {
            Kind::WaitForEvent { event, .. } => (Some(event.clone()), None),
            Kind::WaitForRun { run, .. } => (None, Some(run.clone())),
            _ => (None, None),
        };
        let passes = || open.kind.deadline(open.issued).map(|at| dates.of(at));
        Waiting {
            operation: number.0,
            kind: open.kind.name().into(),
            step: open.step.clone(),
            since: dates.of(open.issued),
            deadline: named.or_else(passes),
            event,
            run,
            attempts: None,
            last_error: None,
            next_attempt: None,
            gives_up: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use dormouse_journal::{Moment, Time};

    use super::*;

    fn waits(kind: Kind) -> (u64, Option<u64>) {
        let issued = Time(10_000);
        let step = String::new();
        let moment = Moment {
            time: Time(20_000),
            shift: -3_000,
        };
        let abandoned = false;
        let open = Open {
            kind,
            step,
            issued,
            abandoned,
        };
        let open = (OperationNumber(1), open);
        let shown = Waiting::of(&open, Dates::at(moment));
        (shown.since.0.0, shown.deadline.map(|deadline| deadline.0.0))
    }

    #[test]
    fn each_kind_of_wait_is_named() {
        let shown = |kind: Kind| {
            let open = Open {
                kind,
                step: String::new(),
                issued: Time(1),
                abandoned: false,
            };
            let moment = Moment {
                time: Time(1),
                shift: 0,
            };
            let shown = Waiting::of(&(OperationNumber(1), open), Dates::at(moment));
            (shown.event, shown.run)
        };
        let (event, timeout) = ("decided".to_owned(), None);
        assert_eq!(
            shown(Kind::WaitForEvent { event, timeout }),
            (Some("decided".into()), None)
        );
        let run = "019ca8b5".to_owned();
        assert_eq!(
            shown(Kind::WaitForRun { run, timeout }),
            (None, Some("019ca8b5".into()))
        );
    }

    #[test]
    fn waits_are_shown_with_dates_and_dates_that_were_named_as_they_are() {
        assert_eq!(waits(Kind::Sleep { duration: 500 }), (7_000, Some(7_500)));
        let instant = Time(12_345);
        assert_eq!(waits(Kind::SleepUntil { instant }), (7_000, Some(12_345)));
    }
}
