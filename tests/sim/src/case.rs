//! A case: all that one simulation is made of. It is plain data, so that it can be printed and made smaller.

use serde_json::{Value, json};

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the host's and the network's chances come from.
    pub seed: u64,
    /// Bytes of warm instances that the host keeps.
    pub warm_memory: u64,
    /// Instances at once.
    pub instances: u32,
    /// Whether an instance is rebuilt after each step.
    pub rebuild_after_step: bool,
    /// How many milliseconds late a commit begins at most.
    pub commit_delay: u64,
    /// Whether a crash keeps any part of what was not synced, rather than none.
    pub tears: bool,
    /// How many percent of the attempts at calls fail.
    pub failing: u64,
    /// What each run does, after it has created its webhooks.
    pub scripts: Vec<Value>,
    /// What is done to the runs and to the host, in order.
    pub acts: Vec<Act>,
}

/// Something that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// How many milliseconds after the one before.
    pub after: u64,
    /// What.
    pub what: What,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A request is sent to a webhook, this many milliseconds from now.
    Post {
        /// Whose.
        run: usize,
        /// Which.
        webhook: usize,
        /// Its `Idempotency-Key`.
        key: Option<u8>,
        /// Its body.
        body: u32,
        /// From now.
        delay: u64,
    },
    /// A request is sent about when the run's next deadline passes.
    PostAtDeadline {
        /// Whose.
        run: usize,
        /// Which.
        webhook: usize,
        /// Its body.
        body: u32,
        /// How many milliseconds late, from one too early.
        late: i8,
    },
    /// An event is sent to one run, or to all who wait.
    Event {
        /// To whom.
        to: Option<usize>,
        /// What.
        body: u32,
    },
    /// The power fails now.
    Crash {
        /// For how many milliseconds.
        down: u64,
    },
    /// The power fails after so many operations on the disk.
    FailAfter(usize),
    /// The machine's date is set ahead by this many milliseconds, or back.
    SetDate(i64),
    /// The disk is full for this many milliseconds.
    Full(u64),
    /// A run, or the host, is paused or goes on.
    Pause {
        /// Which run; the host if none.
        run: Option<usize>,
        /// Whether it goes on.
        goes_on: bool,
    },
    /// A run is moved to the other version of its workflow, which does the same but for the forms that fail once.
    Move(usize),
    /// A failed run is retried on the version on which nothing fails once.
    Retry(usize),
    /// A run is taken back to before one of its operations was answered.
    TakeBack {
        /// Which run.
        run: usize,
        /// The operation, counted round by how many the run has made.
        step: u32,
    },
    /// A run is cancelled.
    Cancel {
        /// Which run.
        run: usize,
        /// For how many milliseconds it may go on first. It is cancelled at once when none.
        grace: Option<u64>,
    },
}

/// What webhooks every run creates: the third one's callers are answered by the workflow.
pub(crate) const WEBHOOKS: [&str; 3] = ["a", "b", "r"];

/// The one event that there is.
pub(crate) const EVENT: &str = "e";

/// Stands in a script for the version that runs are started on.
const FIRST: &str = "the first version";

/// The code of a failure that the other version does not have.
pub(crate) const ONCE: &str = "once";

/// A form that fails on the version that runs are started on, and does something else on the other.
pub(crate) fn fails_once(mended: &Value) -> Value {
    let fails = json!({"fail": {"code": ONCE, "message": "it fails once"}});
    json!({"version": {FIRST: fails}, "else": mended})
}

impl Case {
    /// Returns true if a run may fail once, so that both versions do not do the same.
    pub(crate) fn may_fail_once(&self, run: usize) -> bool {
        self.scripts[run].to_string().contains(FIRST)
    }

    /// The whole script of a run that is started on this version.
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
