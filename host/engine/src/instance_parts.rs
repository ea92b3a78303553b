//! The parts of a new instance: data about its run, its limits, and what it asks of the host while it executes.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use dormouse_journal::{
    Beginning, GuestLimits, Hashed, Header, Labels, Payload, RunId, Time, TriggerRequest, Unhashed,
    VersionId, WebhookNumber,
};
use dormouse_limits::{Grant, Limits};
use dormouse_webhook::provider::Providers;

use crate::cpu::CpuClock;
use crate::earlier::EarlierWebhooks;

/// The parts of a new instance.
pub struct InstanceParts {
    /// Data about the run.
    pub context: RunContext,
    /// The input with which the guest is called: the input of the run, or of its generation.
    pub input: Payload,
    /// The beginning of the generation.
    pub beginning: Beginning,
    /// The webhooks that the run had in this generation, if it was taken back.
    pub earlier: EarlierWebhooks,
    /// The key of the generation's random generator.
    pub key: [u8; 32],
    /// The guest limits that were recorded when the run was started.
    pub limits: GuestLimits,
    /// The host's limits. All runs of a host have the same.
    pub host_limits: Arc<Limits>,
    /// The memory that is reserved for the guest. It may be zero: more is taken when the guest needs it.
    pub memory: Grant,
    /// The memory that is reserved for what the host keeps of the guest besides that: its waits, its operations, and what it
    /// passes to the host. It may be zero, too.
    pub held: Grant,
    /// Makes the URLs of the run's webhooks.
    pub urls: Arc<dyn Urls>,
    /// The providers whose webhooks the guest may ask for.
    pub providers: Providers,
    /// Measures the processor time that the guest uses.
    pub cpu: Arc<dyn CpuClock>,
    /// Gives the guest its turns if it computes for long.
    pub turns: Arc<dyn Turns>,
    /// The size in bytes of the run's log so far, which is the last [`Decision::logged`](crate::Decision::logged). 0
    /// for a new run.
    pub logged: usize,
    /// The labels that the run has.
    pub labels: Labels,
    /// For tests and simulation: ends each live activation at `finish` with
    /// [`Interruption::Rebuild`](crate::Interruption::Rebuild), to prove that the step left nothing behind.
    pub rebuild_after_step: bool,
}

impl fmt::Debug for InstanceParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InstanceParts")
            .field("context", &self.context)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// The data about a run that its guest can get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContext {
    /// The run's id.
    pub id: RunId,
    /// The name of the workflow that the run executes.
    pub workflow: String,
    /// The version of the workflow that the run executes.
    pub version: VersionId,
    /// When the run was started.
    pub started: Time,
    /// The headers of the request that started the run, without credentials.
    pub headers: Vec<Header>,
    /// The request to a trigger that started the run. None if no trigger started it, and after the first generation.
    pub request: Option<TriggerRequest>,
}

/// Gives turns to guests that compute for long.
pub trait Turns: Send + Sync {
    /// Resolves when the guest may execute for another slice of a few milliseconds. The guest drops the result when the
    /// slice is over.
    fn next(&self) -> Pin<Box<dyn Future<Output = Box<dyn Any + Send>> + Send>>;

    /// Hashes the arguments of an operation on another thread. None if the host is stopping.
    fn hash(&self, unhashed: Unhashed) -> Pin<Box<dyn Future<Output = Option<Hashed>> + Send>>;
}

/// Makes the URLs of webhooks.
pub trait Urls: Send + Sync {
    /// Returns the URL of a webhook. It is called once, when the webhook is created, and the URL is recorded in the
    /// journal.
    fn url(&self, run: RunId, webhook: WebhookNumber) -> String;
}
