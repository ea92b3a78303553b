//! The results of a request to a webhook or a trigger, for its caller.

use dormouse_journal::{Place, Response, RunId, Status};
use dormouse_limits::HELD_REPLIES;
use dormouse_store::{ReadError, RequestRefused, WriteError};
use dormouse_webhook::provider::Unanswered;
use dormouse_webhook::{InvalidKey, Rejected};

use crate::rates::{Exceeded, Scope};
use crate::unknown_provider::UnknownProvider;
use crate::{SecretUnusable, Unavailable};

/// The result of a request that was accepted or answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// The request is durable.
    Accepted {
        /// The id of the request.
        id: String,
    },
    /// The request repeats an earlier request.
    Duplicate {
        /// The id of the first request.
        id: String,
    },
    /// The request is durable, now or since its first delivery, and the workflow has answered it.
    Answered {
        /// The id of the first request.
        id: String,
        /// The answer of the workflow.
        response: Response,
    },
    /// The request is durable, or repeats one that is, and its provider wants this answer.
    AcknowledgedAs {
        /// The id of the first request.
        id: String,
        /// The answer in the provider's description.
        response: Response,
        /// True if the request repeats another.
        is_repeat: bool,
    },
    /// The request was a provider's probe, which does not concern the run.
    Probe(Response),
    /// A trigger took the request, now or at its first delivery.
    Triggered {
        /// The run that the request started or belongs to.
        run: RunId,
        /// What the trigger did with the request.
        came: TriggerOutcome,
        /// The answer for the caller.
        answer: TriggerAnswer,
    },
}

/// What a trigger did with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerOutcome {
    /// The request started a run.
    Started,
    /// The request was sent to the run that has its key.
    Sent,
    /// Nothing, because a run has its key.
    Existing,
    /// Nothing, because it repeats another request.
    Repeat,
}

/// The answer for the caller of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerAnswer {
    /// 202, with the run's id.
    Acknowledged,
    /// A response: the fixed response of the trigger, or the run's output.
    Response(Response),
    /// The caller waited for the output of a run that has ended without one.
    Ended {
        /// How the run ended.
        status: Status,
        /// The code of its failure.
        code: String,
    },
}

/// Why a request was not accepted. Nothing of the request was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The webhook does not take this method.
    #[error("this webhook does not take {method}")]
    Method {
        /// The method.
        method: String,
        /// The methods that the host answers at this URL, separated by commas.
        allowed: String,
    },
    /// The signature of the request is missing or wrong.
    #[error(transparent)]
    Signature(#[from] Rejected),
    /// The workflow may not use any of the secrets that it named.
    #[error(
        "the signature cannot be checked: the host holds none of the secrets that the workflow named for this webhook, \
         or does not let it use them"
    )]
    NoSecret,
    /// The request is its provider's probe, and cannot be answered.
    #[error("{}", Unanswered::Unanswerable)]
    Probe,
    /// The probe contains a secret that the host must keep, and cannot keep.
    #[error(
        "the host cannot keep the secret in this probe; its operator must give it a key for secrets"
    )]
    Learn,
    /// The host has no description of the provider any more.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The `Idempotency-Key` of the request is not valid.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The key of the request was used with another body.
    #[error("this Idempotency-Key came with another body before: use a new key for a new request")]
    OtherBody,
    /// The webhook was closed, or its run has ended.
    #[error("this webhook was closed, or its run has ended")]
    Gone,
    /// The run of the webhook has failed, and may be retried.
    #[error(
        "the run of this webhook has failed; the webhook takes requests again if the run is retried"
    )]
    RunFailed,
    /// There is no such webhook.
    #[error("there is no such webhook on this host")]
    Unknown,
    /// The run has just made much at once, perhaps also this webhook, and the host is still writing it to the disk.
    #[error("the run of this webhook is still being written to the disk; try again in a second")]
    WebhookToCome,
    /// The inbox is full.
    #[error(
        "this webhook's inbox is full: the run has not taken the requests that were sent before"
    )]
    InboxFull,
    /// All inboxes together are as large as the host allows.
    #[error(
        "the inboxes of this host are full: runs have not taken the requests that were sent before"
    )]
    HostFull,
    /// The run uses all disk space that it may use.
    #[error(
        "this webhook's run uses all disk space that it may, and accepts nothing before it has taken what was sent earlier"
    )]
    RunFull,
    /// The runs of the workflow use all disk space that they may use.
    #[error("the runs of this webhook's workflow use all disk space that they may")]
    WorkflowFull,
    /// The request came too soon after others.
    #[error("requests come faster than the host takes them; send fewer, or try again later")]
    Rate(Exceeded),
    /// The trigger, or this URL of it, is gone.
    #[error("this trigger or its workflow was deleted, or the trigger has another URL now")]
    TriggerGone,
    /// The trigger is paused.
    #[error("this trigger is paused; it takes requests again when it is resumed")]
    TriggerPaused,
    /// The request has no key, and the trigger requires one.
    #[error("{}", key_missing(.0))]
    KeyMissing(Place),
    /// The run that has the key has failed, and may be retried.
    #[error(
        "run {0}, which has this key, has failed; it takes requests again if it is retried, and another starts if it is given up"
    )]
    KeyedRunFailed(RunId),
    /// The run that has the key has not taken enough of the requests sent to it before.
    #[error("run {0}, which has this key, has not taken the requests that were sent to it before")]
    KeyedInboxFull(RunId),
    /// No further caller can wait.
    #[error("{}", too_many_held(*.0))]
    TooManyHeld(Scope),
    /// The host cannot open the secrets that check the request.
    #[error(transparent)]
    Secret(#[from] SecretUnusable),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Refusal {
    /// Returns true if a repeat of another request is not refused for this reason. It is answered from what is known of
    /// the first request.
    pub(crate) fn allows_repeats(&self) -> bool {
        matches!(
            self,
            Refusal::Gone
                | Refusal::TriggerGone
                | Refusal::TriggerPaused
                | Refusal::RunFailed
                | Refusal::Rate(_)
                | Refusal::InboxFull
                | Refusal::HostFull
        )
    }
}

fn key_missing(place: &Place) -> String {
    let place = match place {
        Place::Header(name) => format!("the header {name:?}"),
        Place::Query(name) => format!("the query parameter {name:?}"),
        Place::Json(pointer) => format!("the JSON pointer {pointer:?} of its body"),
    };
    format!(
        "the request has no key, which this trigger reads from {place}: give it once, as a text or a number"
    )
}

fn too_many_held(scope: Scope) -> String {
    let whose = match scope {
        Scope::Webhook => "of one webhook or trigger",
        Scope::Run => "of one run's webhooks",
        Scope::Host => "in all",
    };
    format!(
        "the host holds as many callers {whose} as it may while their workflows decide what to answer; the setting is \
         `{HELD_REPLIES}`"
    )
}

impl From<Unanswered> for Refusal {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Rejected(rejected) => Refusal::Signature(rejected),
            Unanswered::Unanswerable => Refusal::Probe,
        }
    }
}

impl From<RequestRefused> for Refusal {
    fn from(refused: RequestRefused) -> Self {
        match refused {
            RequestRefused::OtherBody => Refusal::OtherBody,
            RequestRefused::Closed | RequestRefused::Ended => Refusal::Gone,
            RequestRefused::RunFailed => Refusal::RunFailed,
            RequestRefused::InboxFull => Refusal::InboxFull,
            RequestRefused::HostFull => Refusal::HostFull,
            RequestRefused::RunFull => Refusal::RunFull,
            RequestRefused::WorkflowFull => Refusal::WorkflowFull,
            RequestRefused::UnknownWebhook => Refusal::Unknown,
            RequestRefused::WebhookToCome => Refusal::WebhookToCome,
        }
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Refusal::Unavailable(error.into())
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        Refusal::Unavailable(error.into())
    }
}
