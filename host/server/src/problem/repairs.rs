//! Problems with runs that cannot be resumed, retried or moved.

use dormouse_api::Difference;
use dormouse_journal::{Mismatch, RunId, Status};
use dormouse_runtime::{BadStep, RepairError, StartError};
use dormouse_store::PausedBy;
use http::StatusCode;

use super::{Problem, RETRY_RESTART};

impl Problem {
    /// The run was not repaired.
    #[must_use]
    pub fn not_repaired(run: RunId, error: RepairError) -> Self {
        match error {
            RepairError::UnknownRun => Problem::unknown_run(run),
            RepairError::UnknownVersion { workflow } => StartError::UnknownVersion(workflow).into(),
            RepairError::NotBlocked(status) => Problem::not_blocked(run, status),
            RepairError::PausedAbove { by, workflow } => paused_above(run, by, &workflow),
            RepairError::Ended(status) => conflict(
                "run-ended",
                format!(
                    "run {run} has {}, and cannot go on; `dormouse restart {run}` starts a new run with its input",
                    status.after_has()
                ),
            ),
            RepairError::OtherVersion(version) => conflict(
                "other-version",
                format!(
                    "run {run} is on version {version}, which is not the version that was named, so it was not moved"
                ),
            ),
            RepairError::Failed => conflict(
                "run-ended",
                format!(
                    "run {run} has failed, and can only be moved by a retry: `dormouse retry --on VERSION {run}`"
                ),
            ),
            RepairError::SameAgain { code } => conflict(
                "same-again",
                format!(
                    "run {run} would break again with {code}: neither its code nor its limits have changed. Deploy a corrected \
                     version and retry; `dormouse retry --anyway {run}` retries it nevertheless"
                ),
            ),
            RepairError::SameAnswers { code, bad } => same_answers(run, &code, &bad),
            RepairError::AtMostOnce { operation, step } => conflict(
                "at-most-once",
                format!(
                    "the call {step:?} (operation {operation}) of run {run} may be sent only once, and it is not known whether it \
                     arrived. `dormouse retry --from {operation} {run}` sends it again"
                ),
            ),
            RepairError::HandlerRunning { handler } => handler_running(run, handler),
            RepairError::UnknownStep { step, last } => Problem::new(
                StatusCode::NOT_FOUND,
                "unknown-step",
                format!(
                    "run {run} has made no {} in this generation.{} `dormouse journal {run}` lists all steps",
                    step_or_operation(&step),
                    last_steps(&last)
                ),
            ),
            RepairError::Unanswered {
                operation,
                step,
                last,
            } => conflict(
                "unanswered",
                format!(
                    "the step {step:?} (operation {operation}) of run {run} has no result yet, so there is nothing to take back.{} \
                     To name an earlier step of the same name, give its number",
                    last_steps(&last)
                ),
            ),
            RepairError::RecordsTooOld => conflict(
                "records-too-old",
                format!(
                    "an earlier version of the host wrote a part of the journal of run {run} that would be set aside, and did not \
                     record where its results came from. Name a later step, or start a new run: `dormouse restart {run}`"
                ),
            ),
            RepairError::TakenBackTooOften => conflict(
                "taken-back-too-often",
                format!(
                    "run {run} was taken back to later and later steps as often as is allowed. Name an earlier step, or start a \
                     new run: `dormouse restart {run}`"
                ),
            ),
            RepairError::FailureTold { parent } => conflict(
                "failure-told",
                format!(
                    "run {parent}, which started run {run}, was told of its failure, or has ended itself: it may have handled the \
                     failure. `dormouse retry --anyway {run}` retries run {run} nevertheless"
                ),
            ),
            RepairError::ChildGone { child, status } => child_gone(run, child, status),
            RepairError::Child { child, error } => {
                let mut problem = Problem::not_repaired(child, *error);
                let why = &problem.detail;
                problem.detail = format!(
                    "run {run} waits for run {child}, which must be retried first, and cannot be: {why}"
                );
                problem
            }
            RepairError::Differs(mismatch) => differs(run, &mismatch),
            RepairError::Busy => conflict(
                "busy",
                format!("run {run} is busy, or the host has no room to check it; try again"),
            )
            .retry_after(RETRY_RESTART),
            RepairError::Unusable(why) => conflict(
                "version-unusable",
                format!("the version cannot be executed: {why}"),
            ),
            RepairError::Unavailable(unavailable) => unavailable.into(),
        }
    }
}

fn conflict(code: &'static str, detail: String) -> Problem {
    Problem::new(StatusCode::CONFLICT, code, detail)
}

fn paused_above(run: RunId, by: PausedBy, workflow: &str) -> Problem {
    let (what, command) = match by {
        PausedBy::Workflow => (
            format!("its workflow {workflow:?} is"),
            format!("dormouse resume --workflow {workflow}"),
        ),
        PausedBy::Above(above) => (
            format!("run {above}, with which it ends, is paused or has failed"),
            format!("dormouse resume {above}` or `dormouse retry {above}"),
        ),
        _ => ("the host is".into(), "dormouse resume --host".into()),
    };
    let detail = format!("run {run} itself is not paused, but {what}; `{command}` resumes it");
    conflict("paused-above", detail)
}

fn same_answers(run: RunId, code: &str, bad: &[BadStep]) -> Problem {
    let steps = bad.iter().map(|step| {
        let (name, answer) = (&step.step, &step.answer);
        format!("{name:?} ({answer}): `{}`", step.command(run))
    });
    let steps: Vec<String> = steps.collect();
    let steps = match steps.is_empty() {
        true => String::new(),
        false => format!(
            " Steps that had a bad answer, each with the command that does it again: {}.",
            steps.join(", ")
        ),
    };
    let detail = format!(
        "run {run} would fail again with {code}: its last result was not an error, and neither its code nor \
         its limits have changed.{steps} Deploy a corrected version and retry, or start a new run with \
         `dormouse restart {run}`; `dormouse retry --anyway {run}` retries it nevertheless"
    );
    conflict("same-again", detail)
}

fn handler_running(run: RunId, handler: Option<RunId>) -> Problem {
    let what = match handler {
        Some(handler) => {
            format!("run {handler}, which was started because of its failure, has not ended")
        }
        None => "the run that is started because of its failure has not begun".into(),
    };
    let detail = format!(
        "the failure of run {run} is being handled: {what}. Retry it when that run has ended; \
         `dormouse retry --anyway {run}` retries it nevertheless"
    );
    conflict("handler-running", detail)
}

fn child_gone(run: RunId, child: RunId, status: Option<Status>) -> Problem {
    let what = status.map_or_else(
        || "was removed".to_owned(),
        |status| format!("has {} for good", status.after_has()),
    );
    let detail = format!(
        "run {run} waits for run {child}, which it started, and which {what}: that run cannot be retried. \
         `dormouse restart {run}` starts a new run with the input of run {run}"
    );
    conflict("child-gone", detail)
}

fn differs(run: RunId, mismatch: &Mismatch) -> Problem {
    let difference = Difference::of(mismatch);
    let arguments = match difference.differs.as_slice() {
        [] => String::new(),
        names => format!(" Arguments that differ: {}.", names.join(", ")),
    };
    let detail = format!(
        "that version does not repeat the journal of run {run}: as operation {}, the journal has {}, and that version \
         has {}.{arguments} Nothing has changed",
        mismatch.number, mismatch.expected, mismatch.found
    );
    let mut problem = conflict("differs", detail);
    problem.difference = Some(Box::new(difference));
    problem
}

/// Formats what a text names: a step, or also an operation if it is a number.
fn step_or_operation(text: &str) -> String {
    match text.parse::<u32>() {
        Ok(number) => format!("operation {number}, and no step {text:?},"),
        Err(_) => format!("step {text:?}"),
    }
}

/// Formats the names of a run's last steps.
fn last_steps(last: &[String]) -> String {
    if last.is_empty() {
        return String::new();
    }
    let steps: Vec<String> = last.iter().map(|step| format!("{step:?}")).collect();
    match steps.as_slice() {
        [only] => format!(" Its last step is {only}."),
        steps => format!(" Its last steps are {}.", steps.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_the_run_has_not_made_is_named_with_its_last_steps() {
        let detail = |step: &str, last: &[&str]| {
            let last = last.iter().map(|step| (*step).to_owned()).collect();
            let step = step.to_owned();
            let problem =
                Problem::not_repaired(RunId([0; 16]), RepairError::UnknownStep { step, last });
            problem.detail().to_owned()
        };
        let unnamed = detail("chrge", &["charge", "look"]);
        assert!(unnamed.contains(
            "no step \"chrge\" in this generation. Its last steps are \"charge\", \"look\"."
        ));
        let unnumbered = detail("17", &["charge"]);
        assert!(unnumbered.contains(
            "no operation 17, and no step \"17\", in this generation. Its last step is \"charge\"."
        ));
    }
}
