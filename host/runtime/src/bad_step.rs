//! A step of a failed run that was answered badly, and what its answer was.

use dormouse_journal::{CallError, Kind, OperationNumber, Outcome, RunId, RunOutcome};

/// How many bytes of an answer's text are shown.
const TEXT: usize = 256;

/// A step of a failed run that was answered badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadStep {
    /// Which operation.
    pub operation: OperationNumber,
    /// What the author calls it.
    pub step: String,
    /// The name of the import.
    pub kind: &'static str,
    /// What the answer was, for people: a status, an error, or how a run ended.
    pub answer: String,
    /// By what it is done again.
    pub again: Again,
}

/// By what a step is done again that was answered badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// By a retry of the run.
    Retry,
    /// By a retry of the run that would be refused otherwise: the run was not given this answer yet, and nothing else bad.
    Anyway,
    /// By a retry that names it.
    From,
}

impl BadStep {
    /// Returns the command that does the step again.
    #[must_use]
    pub fn command(&self, run: RunId) -> String {
        match self.again {
            Again::Retry => format!("dormouse retry {run}"),
            Again::Anyway => format!("dormouse retry --anyway {run}"),
            Again::From => format!("dormouse retry --from {} {run}", self.operation),
        }
    }
}

/// Returns true for a call that may be made once, of which it is not known whether it was. A retry does it again only if it
/// is named.
pub(crate) fn is_once(kind: &Kind, outcome: &Outcome) -> bool {
    match kind {
        Kind::Call { retry, .. } => retry.attempts == Some(1) && outcome.is_in_doubt(),
        _ => false,
    }
}

/// Formats what came of an operation.
pub(crate) fn answer(kind: &Kind, outcome: &Outcome) -> String {
    let mut text = match outcome {
        Outcome::Response(Ok(response)) => format!("status {}", response.status),
        Outcome::Response(Err(error)) => call_error(error),
        Outcome::RunEnded(Ok(Some(ended))) => {
            let run = match kind {
                Kind::WaitForRun { run, .. } => run.as_str(),
                _ => "",
            };
            format!("run {run} {}", run_outcome(ended))
        }
        _ => String::new(),
    };
    text.truncate(text.floor_char_boundary(TEXT));
    text
}

fn call_error(error: &CallError) -> String {
    match error {
        CallError::Denied(why) => format!("denied: {why}"),
        CallError::Invalid(why) => format!("invalid: {why}"),
        CallError::TimedOut => "timed out".into(),
        CallError::Unreachable(why) => format!("unreachable: {why}"),
        CallError::TooLarge(limit) => format!("larger than {limit} bytes"),
        CallError::Interrupted => "interrupted by a stop of the host".into(),
        CallError::Abandoned => "abandoned".into(),
        CallError::Other(failure) => format!("{}: {}", failure.code, failure.message),
    }
}

fn run_outcome(outcome: &RunOutcome) -> String {
    match outcome {
        RunOutcome::Completed(_) => "completed".into(),
        RunOutcome::Failed(failure) => format!("failed: {}", failure.code),
        RunOutcome::Cancelled(reason) => format!("was cancelled: {reason}"),
        RunOutcome::Gone => "is gone".into(),
        RunOutcome::Other(failure) => format!("ended otherwise: {}", failure.code),
    }
}
