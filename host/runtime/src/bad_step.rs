//! A step of a failed run that had a bad answer, and that answer.

use dormouse_journal::{CallError, Kind, OperationNumber, Outcome, RunId, RunOutcome};

/// The number of bytes of an answer's text that are shown.
const TEXT: usize = 256;

/// A step of a failed run that had a bad answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadStep {
    /// The operation.
    pub operation: OperationNumber,
    /// The step name that the author gave the operation.
    pub step: String,
    /// The name of the import that made the operation.
    pub kind: &'static str,
    /// The answer, for people: a status, an error, or how a run ended.
    pub answer: String,
    /// The command that does the step again.
    pub again: RedoCommand,
}

/// The command that does a step with a bad answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedoCommand {
    /// A retry of the run.
    Retry,
    /// A retry with `--anyway`. Without it the retry would be refused: the run has not taken this answer yet, and had
    /// no other bad answer.
    Anyway,
    /// A retry that names the step.
    From,
}

impl BadStep {
    /// Returns the command that does the step again.
    #[must_use]
    pub fn command(&self, run: RunId) -> String {
        match self.again {
            RedoCommand::Retry => format!("dormouse retry {run}"),
            RedoCommand::Anyway => format!("dormouse retry --anyway {run}"),
            RedoCommand::From => format!("dormouse retry --from {} {run}", self.operation),
        }
    }
}

/// Returns true for a call that may be made only once and whose outcome is in doubt. A retry does such a call again
/// only if it is named.
pub(crate) fn is_once(kind: &Kind, outcome: &Outcome) -> bool {
    match kind {
        Kind::Call { retry, .. } => retry.attempts == Some(1) && outcome.is_in_doubt(),
        _ => false,
    }
}

/// Formats the outcome of an operation.
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
