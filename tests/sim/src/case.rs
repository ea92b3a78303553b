//! A case: everything that decides one simulation. It is plain data, so that it can be printed and made smaller.

use serde_json::{Value, json};

/// A case to simulate.
#[derive(Debug, Clone)]
pub struct Case {
    /// The seed of the random numbers of the host and of the network.
    pub seed: u64,
    /// The memory for warm instances, in bytes.
    pub warm_memory: u64,
    /// The largest number of instances at once.
    pub instances: u32,
    /// True if an instance is rebuilt after each step.
    pub rebuild_after_step: bool,
    /// The longest delay of a commit, in milliseconds.
    pub commit_delay: u64,
    /// True if a crash may keep any part of the writes that were not synced, and not none of them.
    pub tears: bool,
    /// The percentage of attempts at calls that fail.
    pub failing: u64,
    /// The script of each run, which comes after the creation of the webhooks.
    pub scripts: Vec<Value>,
    /// The acts on the runs and the host, in order.
    pub acts: Vec<Act>,
}

/// An act, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// The time since the act before, in milliseconds.
    pub after: u64,
    /// The act.
    pub what: EventKind,
}

/// The kinds of acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A request is sent to a webhook.
    Post {
        /// The number of the run.
        run: usize,
        /// The number of the webhook in [`WEBHOOKS`].
        webhook: usize,
        /// The request's `Idempotency-Key`.
        key: Option<u8>,
        /// The request's body.
        body: u32,
        /// The time from now until the request, in milliseconds.
        delay: u64,
    },
    /// A request is sent at about the time when the run's next deadline passes.
    PostAtDeadline {
        /// The number of the run.
        run: usize,
        /// The number of the webhook in [`WEBHOOKS`].
        webhook: usize,
        /// The request's body.
        body: u32,
        /// The time from the deadline until the request, in milliseconds. It can be -1.
        late: i8,
    },
    /// An event is sent to one run, or to all runs that wait for it.
    Event {
        /// The number of the run, or `None` for all runs that wait.
        to: Option<usize>,
        /// The event's body.
        body: u32,
    },
    /// The power fails now.
    Crash {
        /// The time until the next start, in milliseconds.
        down: u64,
    },
    /// The power fails after this many operations on the disk.
    FailAfter(usize),
    /// The machine's date is changed by this many milliseconds, which may be negative.
    SetDate(i64),
    /// The disk is full for this many milliseconds.
    Full(u64),
    /// A run or the host is paused or resumed.
    Pause {
        /// The number of the run, or `None` for the host.
        run: Option<usize>,
        /// True if it is resumed.
        goes_on: bool,
    },
    /// A run is moved to the other version of its workflow. The version does the same, except for the forms that
    /// fail once.
    Move(usize),
    /// A failed run is retried on the version without these failures.
    Retry(usize),
    /// A run is taken back to before one of its operations was answered.
    TakeBack {
        /// The number of the run.
        run: usize,
        /// The number of the operation, modulo the number of operations that the run has made.
        step: u32,
    },
    /// A run is cancelled.
    Cancel {
        /// The number of the run.
        run: usize,
        /// The time in milliseconds for which the run may go on before it is cancelled. `None` cancels the run at
        /// once.
        grace: Option<u64>,
    },
}

/// The webhooks that every run creates. The workflow answers the callers of the third.
pub(crate) const WEBHOOKS: [&str; 3] = ["a", "b", "r"];

/// The name of the only event.
pub(crate) const EVENT: &str = "e";

/// The text in a script that stands for the version on which runs are started.
const FIRST: &str = "the first version";

/// The code of a failure that only the first version has.
pub(crate) const ONCE: &str = "once";

/// Returns a form that fails on the version on which runs are started, and does something else on the other
/// version.
pub(crate) fn fails_once(mended: &Value) -> Value {
    let fails = json!({"fail": {"code": ONCE, "message": "it fails once"}});
    json!({"version": {FIRST: fails}, "else": mended})
}

impl Case {
    /// Returns true if a run may fail once, so that the two versions differ.
    pub(crate) fn may_fail_once(&self, run: usize) -> bool {
        self.scripts[run].to_string().contains(FIRST)
    }

    /// Returns the whole script of a run that is started on this version.
    pub(crate) fn input(&self, run: usize, first: &str) -> Value {
        let [a, b, r] = WEBHOOKS;
        let script = json!({"seq": [
            {"webhook": a},
            {"webhook": b},
            {"webhook": r, "options": {"reply": {"from-workflow": 3_000}}},
            self.scripts[run],
        ]});
        let text = script.to_string().replace(FIRST, first);
        serde_json::from_str(&text).unwrap_or(script)
    }
}
