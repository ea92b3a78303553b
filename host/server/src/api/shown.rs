//! Makes the API's answers from the data of the store, the runtime and the ingress. Answers that are made from the
//! journal alone are made next to their types, in `dormouse_api`. Stored times are steady, and become dates here.

use dormouse_api::{
    BadAnswer, CancelAsked, Dates, Deployed, FailedTry, Failure, LogLine, Run, RunSummary, Secret,
    SecretUse, SetAside, TriedOperation, UnusableSecret, Version, Waiting, Webhook, Workflow,
};
use dormouse_journal::{RunId, Status, Time};
use dormouse_runtime::{BadStep, Deployment, RedoCommand, SecretView};
use dormouse_store::{Attempts, CallProgress, PastTry, Pauses, RunShown, RunView, WebhookView};

use crate::ingress::Rejected;

/// Returns the summary of a run.
pub(super) fn summary(view: &RunView, dates: Dates) -> RunSummary {
    let failure = view.state.failure.as_ref().map(|failure| Failure {
        code: failure.code.clone(),
        message: failure.message.clone(),
        backtrace: None,
    });
    RunSummary {
        id: view.id.to_string(),
        workflow: view.run.workflow.clone(),
        version: view.run.version.to_string(),
        status: view.state.status,
        created: dates.of(view.run.created),
        ended: view.state.ended.map(|ended| dates.of(ended)),
        failure,
        blocked_by: (view.state.status == Status::Blocked).then(|| {
            let by = if view.state.is_broken { "run" } else { "host" };
            by.to_owned()
        }),
        paused: view.paused.map(|pause| pause.by.as_str().into()),
        held_by: view.held_by.map(|run| run.to_string()),
        tries: view.state.tries,
        untaken: view.state.untaken,
        labels: view.run.labels.as_map().clone(),
    }
}

/// Returns a run with all its details. `shown` may have one open operation more than are shown.
pub(super) fn run(shown: &RunShown, active: bool, now: Time, dates: Dates) -> Run {
    let RunShown {
        view,
        output,
        open,
        calls,
        tries,
        failed_tries,
    } = shown;
    let waiting = open.iter().take(Run::WAITING);
    let mut waiting: Vec<Waiting> = waiting.map(|open| Waiting::of(open, dates)).collect();
    for (number, progress) in calls {
        let call = waiting
            .iter_mut()
            .find(|waiting| waiting.operation == number.0);
        if let Some(call) = call {
            add_progress(call, progress, now, dates);
        }
    }
    let mut summary = summary(view, dates).active(active);
    if let Some(failure) = &mut summary.failure {
        failure.backtrace.clone_from(&view.state.backtrace);
    }
    Run {
        summary,
        output: output.as_ref().and_then(dormouse_api::output),
        failed_tries: failed_tries
            .iter()
            .map(|failed| failed_try(failed, dates))
            .collect(),
        waiting,
        waiting_truncated: open.len() > Run::WAITING,
        retryable: view.state.is_frozen(),
        bad_answers: Vec::new(),
        generation: view.state.generation,
        activations: view.state.activations - view.state.first_activation,
        operations: view.state.operations - view.state.first_operation,
        journal_bytes: view.state.journal_bytes,
        storage_bytes: view.state.storage_bytes,
        last_activation: dates.of(view.state.time),
        restarted: view.run.restarted.map(|run| run.to_string()),
        trigger: view.run.trigger.as_ref().map(|by| by.name.clone()),
        parent: view.run.parent.map(|parent| parent.run.to_string()),
        children: view.state.children,
        set_aside: tries
            .iter()
            .map(|(number, past)| set_aside(*number, past, dates))
            .collect(),
        cancel: view.state.cancel.as_ref().map(|asked| CancelAsked {
            reason: asked.reason.clone(),
            asked: dates.of(asked.at),
            until: dates.of(asked.until),
        }),
    }
}

fn set_aside(number: u32, past: &PastTry, dates: Dates) -> SetAside {
    SetAside {
        r#try: number,
        at: dates.of(past.at),
        step: past.step.clone(),
        from: past.from,
        activations: past.until.saturating_sub(past.from),
        status: past.status,
        code: past.failure.as_ref().map(|failure| failure.code.clone()),
    }
}

fn add_progress(call: &mut Waiting, progress: &CallProgress, now: Time, dates: Dates) {
    let Attempts { scheduled, next } = progress.attempts;
    let is_ahead = next > now;
    call.attempts = Some(scheduled - u32::from(is_ahead && scheduled > 0));
    call.last_error.clone_from(&progress.last_error);
    call.next_attempt = is_ahead.then(|| dates.of(next));
    call.gives_up = progress.bounds.until.map(|until| dates.of(until));
}

fn failed_try((tries, failed): &(u32, dormouse_store::FailedTry), dates: Dates) -> FailedTry {
    let operations = failed.operations.iter().map(|made| TriedOperation {
        operation: made.operation.0,
        kind: made.kind.clone(),
        step: made.step.clone(),
    });
    let lines = failed.logs.iter().cloned();
    FailedTry {
        tries: *tries,
        time: dates.of(failed.time),
        activation: failed.activation,
        version: failed.version.to_string(),
        failure: Failure {
            code: failed.failure.code.clone(),
            message: failed.failure.message.clone(),
            backtrace: None,
        },
        operations: operations.collect(),
        more_operations: failed.more_operations,
        logs: lines
            .map(|line| LogLine::of(failed.activation, line))
            .collect(),
        more_lines: failed.more_lines,
    }
}

/// Returns a step of a failed run that had a bad answer.
pub(super) fn bad_answer(run: RunId, step: BadStep) -> BadAnswer {
    BadAnswer {
        operation: step.operation.0,
        kind: step.kind.into(),
        command: step.command(run),
        step: step.step,
        answer: step.answer,
        again: step.again == RedoCommand::Retry,
    }
}

/// Returns a webhook, with the requests that it refused.
pub(super) fn webhook(
    view: WebhookView,
    rejected: Rejected,
    unusable_secrets: Vec<dormouse_runtime::UnusableSecret>,
    dates: Dates,
) -> Webhook {
    let webhook = view.webhook;
    let reasons = rejected.reasons.into_iter();
    Webhook {
        webhook: view.number.0,
        options: (&webhook.options).into(),
        step: webhook.step,
        url: view.url,
        created: dates.of(webhook.created),
        closed: webhook.closed,
        queued: webhook.queued,
        queued_bytes: webhook.queued_bytes,
        delivered: webhook.delivered,
        waits: webhook.waits,
        last_accepted: webhook.last_accepted.map(|last| dates.of(last)),
        rejected: reasons
            .map(|(code, count)| (code.to_owned(), count))
            .collect(),
        last_rejected: rejected.last.map(|last| dates.of(last)),
        unusable_secrets: unusable_secrets.into_iter().map(unusable).collect(),
    }
}

/// Returns a secret that is not a valid key.
pub(super) fn unusable(secret: dormouse_runtime::UnusableSecret) -> UnusableSecret {
    let dormouse_runtime::UnusableSecret { name, reason } = secret;
    UnusableSecret { name, reason }
}

/// Returns a workflow with its versions.
pub(super) fn workflow(
    name: String,
    workflow: &dormouse_store::Workflow,
    pauses: &Pauses,
    dates: Dates,
) -> Workflow {
    let version = |version: &dormouse_store::Version| Version {
        version: version.id.to_string(),
        deployed: dates.of(version.deployed),
        size: version.size,
    };
    let paused = pauses.workflows.get(&name);
    Workflow {
        paused: paused.map(|since| dates.of(*since)),
        name,
        version: workflow.current.to_string(),
        deleted: workflow.deleted,
        versions: workflow.versions.iter().map(version).collect(),
    }
}

/// Returns the answer to a deployment.
pub(super) fn deployed(deployment: Deployment) -> Deployed {
    Deployed {
        name: deployment.name,
        version: deployment.version.to_string(),
        wrapped: deployment.wrapped,
        workflows: deployment.workflows,
        notes: deployment.notes,
    }
}

/// Returns a secret without its value.
pub(super) fn secret(view: SecretView, dates: Dates) -> Secret {
    Secret {
        name: view.name,
        uses: view.uses.into_iter().map(SecretUse::from).collect(),
        created: dates.of(view.created),
        updated: dates.of(view.updated),
        readable: view.readable,
    }
}
