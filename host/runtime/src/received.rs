//! What a caller of a webhook is told.

use dormouse_journal::{Place, Response, RunId, Status};
use dormouse_limits::HELD_REPLIES;
use dormouse_store::{ReadError, RequestRefused, WriteError};
use dormouse_webhook::provider::Unanswered;
use dormouse_webhook::{InvalidKey, Rejected};

use crate::rates::{Exceeded, Scope};
use crate::unknown_provider::UnknownProvider;
use crate::{SecretTrouble, Unavailable};

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// It is durable.
    Accepted {
        /// Its id.
        id: String,
    },
    /// It repeats the request of this id.
    Duplicate {
        /// The first one's id.
        id: String,
    },
    /// It is durable, now or since it came for the first time, and this is the answer to it.
    Answered {
        /// The first one's id.
        id: String,
        /// What the workflow says.
        response: Response,
    },
    /// It is durable, or repeats what is, and its provider wants to hear this of it.
    AcknowledgedAs {
        /// The first one's id.
        id: String,
        /// What the provider's description says.
        response: Response,
        /// Whether it repeats another.
        is_repeat: bool,
    },
    /// It was a provider's probe, and the run is not concerned.
    Probe(Response),
    /// A trigger took it, now or when it came for the first time.
    Triggered {
        /// The run that it started, or belongs to.
        run: RunId,
        /// What became of it.
        came: Came,
        /// What its caller gets.
        answer: TriggerAnswer,
    },
}

/// What became of a request to a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    /// It started a run.
    Started,
    /// It was sent to the run that has its key.
    Sent,
    /// Nothing, since a run has its key.
    Existing,
    /// Nothing, since it repeats another request.
    Repeat,
}

/// What the caller of a trigger gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerAnswer {
    /// 202, with the run's id.
    Acknowledged,
    /// This: what the trigger always answers, or the run's output.
    Response(Response),
    /// It waited for the output of a run that has none.
    Ended {
        /// How the run ended.
        status: Status,
        /// The code of its failure.
        code: String,
    },
}

/// Why a request was not accepted. Nothing of it was stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// The webhook does not take this method.
    #[error("this webhook does not take {method}")]
    Method {
        /// The method.
        method: String,
        /// The methods that the host answers here, with commas between them.
        allowed: String,
    },
    /// Its signature is missing or wrong.
    #[error(transparent)]
    Signature(#[from] Rejected),
    /// The workflow may use none of the secrets that it named.
    #[error(
        "the signature cannot be checked: the host holds none of the secrets that the workflow named for this webhook, \
         or does not let it use them"
    )]
    NoSecret,
    /// It is its provider's probe, and cannot be answered.
    #[error("{}", Unanswered::Unanswerable)]
    Probe,
    /// The probe contains a secret that the host is to keep, and cannot.
    #[error(
        "the host cannot keep the secret in this probe; its operator must give it a key for secrets"
    )]
    Learn,
    /// The host has no description of its provider any more.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// Its `Idempotency-Key` is not valid.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// Its key was used for another body.
    #[error("this Idempotency-Key came with another body before: use a new key for a new request")]
    OtherBody,
    /// The webhook was closed, or its run has ended.
    #[error("this webhook was closed, or its run has ended")]
    Gone,
    /// Its run has failed, and may be retried.
    #[error("the run of this webhook has failed; it takes requests again if it is retried")]
    RunFailed,
    /// There is no such webhook.
    #[error("there is no such webhook on this host")]
    Unknown,
    /// The inbox is full.
    #[error("this webhook's inbox is full: the run has not taken what was sent before")]
    InboxFull,
    /// All inboxes together have as much as the host allows.
    #[error("the inboxes of this host are full: runs have not taken what was sent before")]
    HostFull,
    /// The run uses all disk space that it may.
    #[error(
        "this webhook's run uses all disk space that it may, and accepts nothing before it has taken what was sent earlier"
    )]
    RunFull,
    /// The runs of its workflow use all disk space that they may.
    #[error("the runs of this webhook's workflow use all disk space that they may")]
    WorkflowFull,
    /// It came too soon after others.
    #[error("requests come faster than the host takes them")]
    Rate(Exceeded),
    /// The trigger or this URL of it is gone.
    #[error("this trigger or its workflow was deleted, or the trigger has another URL now")]
    TriggerGone,
    /// The trigger is paused.
    #[error("this trigger is paused; it takes requests again when it is resumed")]
    TriggerPaused,
    /// It has no key, and the trigger requires one.
    #[error("{}", key_missing(.0))]
    KeyMissing(Place),
    /// The run that has its key has failed, and may be retried.
    #[error(
        "run {0}, which has this key, has failed; it takes requests again if it is retried, and another starts if it is given up"
    )]
    KeyedRunFailed(RunId),
    /// The run that has its key has not taken what was sent to it before.
    #[error("run {0}, which has this key, has not taken what was sent to it before")]
    KeyedInboxFull(RunId),
    /// No more callers can wait.
    #[error("{}", too_many_held(*.0))]
    TooManyHeld(Scope),
    /// The host cannot open the secrets by which the request is to be checked.
    #[error(transparent)]
    Secret(#[from] SecretTrouble),
    /// The host cannot do it now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Refusal {
    /// Returns true if a request that repeats another is spared this: it is answered from what is known of the first one.
    pub(crate) fn spares_repeats(&self) -> bool {
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
