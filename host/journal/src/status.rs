//! The life of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The status of a run. New statuses must be added at the end, because the order is the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The run was accepted, and its first activation is not committed yet. While that activation
    /// executes, the run is shown as running.
    Pending,
    /// An activation is executing or due, or the host has work to do for the run, such as a call.
    Running,
    /// All open operations wait for something that the host cannot bring about: a webhook, an event, a
    /// time, or the end of another run.
    Suspended,
    /// The run cannot go on for now. It has not ended: its webhooks stay open, and its deadlines stay
    /// valid.
    Blocked,
    /// The run returned a result.
    Completed,
    /// The run returned an error, or broke and was not repaired in time.
    Failed,
    /// Somebody cancelled the run.
    Cancelled,
}

/// An event in the life of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// An activation was committed, and the run goes on.
    Activated {
        /// True if an open operation is work for the host, such as a call or a notify.
        has_host_work: bool,
    },
    /// An activation was committed in which the run returned a result.
    Completed,
    /// An activation was committed in which the run failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// The run cannot go on for now.
    Blocked,
    /// A blocked run was given up, and has failed.
    GivenUp,
    /// The host tries a blocked run again.
    Resumed {
        /// True if the run has committed an activation before.
        activated: bool,
    },
    /// A failed run is tried again. The activation in which it failed is taken back.
    Retried {
        /// True if the run has committed an activation before that one.
        activated: bool,
    },
    /// The run is taken back to an earlier point of its journal.
    TakenBack {
        /// True if the run has committed an activation before that point.
        activated: bool,
    },
}

/// The error for an event that cannot happen with this status. It is a bug of the host, or a race that
/// the caller must handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a run that is {from} cannot be {event:?}")]
pub struct IllegalTransition {
    /// The status.
    pub from: Status,
    /// The event.
    pub event: Transition,
}

impl Status {
    /// All statuses, in the order of a run's life.
    pub const ALL: [Status; 7] = [
        Status::Pending,
        Status::Running,
        Status::Suspended,
        Status::Blocked,
        Status::Completed,
        Status::Failed,
        Status::Cancelled,
    ];

    /// Returns the words that follow "the run has" in a sentence about a run that has ended.
    #[must_use]
    pub fn after_has(self) -> &'static str {
        match self {
            Status::Cancelled => "been cancelled",
            status => status.as_str(),
        }
    }

    /// Returns true if nothing can happen to the run any more.
    #[must_use]
    pub fn has_ended(self) -> bool {
        match self {
            Status::Completed | Status::Failed | Status::Cancelled => true,
            Status::Pending | Status::Running | Status::Suspended | Status::Blocked => false,
        }
    }

    /// Returns true if nothing more happens to the run unless somebody does something.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        self.has_ended() || self == Status::Blocked
    }

    /// Returns the status that follows.
    ///
    /// # Errors
    /// When the event cannot happen with this status.
    pub fn after(self, event: Transition) -> Result<Status, IllegalTransition> {
        use Status::{Blocked, Cancelled, Completed, Failed, Pending, Running, Suspended};
        match (self, event) {
            (
                Pending | Running | Suspended,
                Transition::Activated {
                    has_host_work: true,
                },
            ) => Ok(Running),
            (
                Pending | Running | Suspended,
                Transition::Activated {
                    has_host_work: false,
                },
            ) => Ok(Suspended),
            (Pending | Running | Suspended, Transition::Completed) => Ok(Completed),
            (Pending | Running | Suspended, Transition::Failed) => Ok(Failed),
            (Pending | Running | Suspended | Blocked, Transition::Cancelled) => Ok(Cancelled),
            (Pending | Running | Suspended | Blocked, Transition::Blocked) => Ok(Blocked),
            (Blocked, Transition::GivenUp) => Ok(Failed),
            (Blocked, Transition::Resumed { activated: false })
            | (Failed, Transition::Retried { activated: false })
            | (
                Pending | Running | Suspended | Blocked | Failed,
                Transition::TakenBack { activated: false },
            ) => Ok(Pending),
            (Blocked, Transition::Resumed { activated: true })
            | (Failed, Transition::Retried { activated: true })
            | (
                Pending | Running | Suspended | Blocked | Failed,
                Transition::TakenBack { activated: true },
            ) => Ok(Running),

            (
                Blocked,
                Transition::Activated { .. }
                | Transition::Completed
                | Transition::Failed
                | Transition::Retried { .. },
            )
            | (
                Pending | Running | Suspended,
                Transition::Resumed { .. } | Transition::Retried { .. } | Transition::GivenUp,
            )
            | (Completed | Failed | Cancelled, _) => Err(IllegalTransition { from: self, event }),
        }
    }

    /// Returns the name that the API and the command line use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Running => "running",
            Status::Suspended => "suspended",
            Status::Blocked => "blocked",
            Status::Completed => "completed",
            Status::Failed => "failed",
            Status::Cancelled => "cancelled",
        }
    }
}

/// The point up to which a caller waits for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Until {
    /// The run sleeps or has ended.
    Suspended,
    /// The run has ended.
    Ended,
}

impl Until {
    /// Both points.
    pub const ALL: [Until; 2] = [Until::Suspended, Until::Ended];

    /// Returns true if a run with this status has reached the point. A blocked run counts, because it
    /// gets no further by itself.
    #[must_use]
    pub fn is_reached_by(self, status: Status) -> bool {
        match self {
            Until::Suspended => status == Status::Suspended || status.is_at_rest(),
            Until::Ended => status.is_at_rest(),
        }
    }

    /// Returns the name that the API uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Until::Suspended => "suspended",
            Until::Ended => "ended",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_follows_an_end() {
        for status in Status::ALL.into_iter().filter(|status| status.has_ended()) {
            for event in [
                Transition::Activated {
                    has_host_work: true,
                },
                Transition::Completed,
                Transition::Failed,
                Transition::Cancelled,
                Transition::Blocked,
                Transition::GivenUp,
                Transition::Resumed { activated: true },
            ] {
                assert_eq!(
                    status.after(event),
                    Err(IllegalTransition {
                        from: status,
                        event
                    })
                );
            }
        }
    }

    #[test]
    fn an_end_is_waited_for_either_way_and_sleep_in_one() {
        let reached = |until: Until| {
            let all = Status::ALL.into_iter();
            all.filter(|status| until.is_reached_by(*status))
                .collect::<Vec<_>>()
        };
        let ends = [
            Status::Blocked,
            Status::Completed,
            Status::Failed,
            Status::Cancelled,
        ];
        assert_eq!(reached(Until::Ended), ends);
        assert_eq!(
            reached(Until::Suspended),
            [&[Status::Suspended], &ends[..]].concat()
        );
    }

    #[test]
    fn a_blocked_run_goes_on_only_by_resume_or_cancel() {
        assert!(Status::Blocked.after(Transition::Completed).is_err());
        assert_eq!(
            Status::Blocked.after(Transition::Resumed { activated: false }),
            Ok(Status::Pending)
        );
        assert_eq!(
            Status::Blocked.after(Transition::Resumed { activated: true }),
            Ok(Status::Running)
        );
        assert_eq!(
            Status::Blocked.after(Transition::Cancelled),
            Ok(Status::Cancelled)
        );
    }

    #[test]
    fn a_failed_run_goes_on_only_by_a_retry() {
        let retried = |activated| Transition::Retried { activated };
        assert_eq!(Status::Failed.after(retried(true)), Ok(Status::Running));
        assert_eq!(Status::Failed.after(retried(false)), Ok(Status::Pending));
        for status in Status::ALL {
            let is_failed = status == Status::Failed;
            assert_eq!(status.after(retried(true)).is_ok(), is_failed);
        }
    }

    #[test]
    fn a_call_outstanding_is_running_and_a_wait_is_suspended() {
        assert_eq!(
            Status::Pending.after(Transition::Activated {
                has_host_work: true
            }),
            Ok(Status::Running)
        );
        assert_eq!(
            Status::Running.after(Transition::Activated {
                has_host_work: false
            }),
            Ok(Status::Suspended)
        );
    }
}
