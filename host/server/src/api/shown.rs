//! What the API shows, made from what the store, the runtime and the ingress have. What is made from the journal alone
//! is made beside its type, in `dormouse_api`.

use dormouse_api::{
    Deployed, Failure, Run, RunSummary, Secret, SecretUse, Version, Waiting, Webhook, Workflow,
};
use dormouse_journal::{Open, OperationNumber, Payload};
use dormouse_runtime::{Deployment, SecretView};
use dormouse_store::{RunView, WebhookView};

use crate::ingress::Rejected;

/// A run in short.
pub(super) fn summary(view: &RunView) -> RunSummary {
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
        created: view.run.created.into(),
        ended: view.state.ended.map(Into::into),
        failure,
        untaken: view.state.untaken,
    }
}

/// A run as a whole. `open` may have one operation more than are shown.
pub(super) fn run(
    view: &RunView,
    output: Option<&Payload>,
    open: &[(OperationNumber, Open)],
    active: bool,
) -> Run {
    let mut summary = summary(view).active(active);
    if let Some(failure) = &mut summary.failure {
        failure.backtrace.clone_from(&view.state.backtrace);
    }
    Run {
        summary,
        output: output.and_then(dormouse_api::output),
        waiting: open.iter().take(Run::WAITING).map(Waiting::of).collect(),
        waiting_truncated: open.len() > Run::WAITING,
        activations: view.state.activations,
        operations: view.state.operations,
        journal_bytes: view.state.journal_bytes,
        storage_bytes: view.state.storage_bytes,
        last_activation: view.state.time.into(),
        restarted: view.run.restarted.map(|run| run.to_string()),
    }
}

/// A webhook, and what it refused.
pub(super) fn webhook(view: WebhookView, rejected: Rejected) -> Webhook {
    let webhook = view.webhook;
    let reasons = rejected.reasons.into_iter();
    Webhook {
        webhook: view.number.0,
        options: (&webhook.options).into(),
        step: webhook.step,
        url: view.url,
        created: webhook.created.into(),
        closed: webhook.closed,
        queued: webhook.queued,
        queued_bytes: webhook.queued_bytes,
        delivered: webhook.delivered,
        waits: webhook.waits,
        last_accepted: webhook.last_accepted.map(Into::into),
        rejected: reasons
            .map(|(code, count)| (code.to_owned(), count))
            .collect(),
        last_rejected: rejected.last.map(Into::into),
    }
}

/// A workflow and its versions.
pub(super) fn workflow(name: String, workflow: &dormouse_store::Workflow) -> Workflow {
    let version = |version: &dormouse_store::Version| Version {
        version: version.id.to_string(),
        deployed: version.deployed.into(),
        size: version.size,
    };
    Workflow {
        name,
        version: workflow.current.to_string(),
        deleted: workflow.deleted,
        versions: workflow.versions.iter().map(version).collect(),
    }
}

/// What was deployed.
pub(super) fn deployed(deployment: Deployment) -> Deployed {
    Deployed {
        name: deployment.name,
        version: deployment.version.to_string(),
        wrapped: deployment.wrapped,
    }
}

/// A secret, all but its value.
pub(super) fn secret(view: SecretView) -> Secret {
    Secret {
        name: view.name,
        uses: view.uses.into_iter().map(SecretUse::from).collect(),
        created: view.created.into(),
        updated: view.updated.into(),
        readable: view.readable,
    }
}
