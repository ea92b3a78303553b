//! What an operator can set, as far as it concerns the world below HTTP.

use std::sync::Arc;

use dormouse_engine::Allowance;
use dormouse_journal::GuestLimits;
use dormouse_secret::SecretKeys;
use dormouse_store::MailLimits;

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// The settings of the runtime.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What webhooks' URLs begin with, without a slash at the end.
    pub public_url: String,
    /// The limits.
    pub limits: Limits,
    /// How many milliseconds an ended run is kept.
    pub retention: u64,
    /// For how many milliseconds a repeated request or start is known as such.
    pub duplicate_window: u64,
    /// What seals secrets and opens them. Without keys there are none to be used.
    pub secret_keys: Option<Arc<SecretKeys>>,
    /// Tears an instance down after each step and rebuilds it from the journal, to prove that a step leaves nothing
    /// behind. For tests: it costs a replay.
    pub rebuild_after_step: bool,
}

/// Limits. Each has its reason in ARCHITECTURE.md.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a component.
    pub component: u64,
    /// Bytes of a body: of a webhook's request, an input, an event, a response to a call.
    pub body: u64,
    /// Requests in a webhook's inbox.
    pub inbox: u32,
    /// Bytes in a webhook's inbox.
    pub inbox_bytes: u64,
    /// Bytes in all inboxes of webhooks together.
    pub host_inbox_bytes: u64,
    /// Requests a second to one webhook, and as many at once; 0 for any number.
    pub webhook_rate: u32,
    /// The same for all webhooks together.
    pub host_rate: u32,
    /// Milliseconds that a webhook which its workflow answers holds its caller at most.
    pub reply_wait: u64,
    /// Callers held so at once.
    pub held_replies: u32,
    /// Milliseconds that the time in a signature may be from now.
    pub signature_tolerance: u64,
    /// Bytes of a run's journal.
    pub journal: u64,
    /// What a run can feel; recorded with each run.
    pub guest: GuestLimits,
    /// What a run is allowed besides.
    pub allowance: Arc<Allowance>,
    /// How many instances exist at once, warm and active together.
    pub instances: u32,
    /// Bytes of the memory of suspended instances, beyond what they share.
    pub warm_memory: u64,
    /// Calls in flight at once.
    pub calls_in_flight: u32,
    /// Milliseconds for one attempt at a call, if the workflow does not say.
    pub call_timeout: u64,
}

impl Limits {
    /// What may lie in a run's inbox for one event: as much as in a webhook's.
    #[must_use]
    pub fn mail(&self) -> MailLimits {
        MailLimits {
            queued: self.inbox,
            bytes: self.inbox_bytes,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            component: 64 << 20,
            body: 16 << 20,
            inbox: 1_000,
            inbox_bytes: 64 << 20,
            host_inbox_bytes: 4 << 30,
            webhook_rate: 1_000,
            host_rate: 20_000,
            reply_wait: 60_000,
            held_replies: 1_024,
            signature_tolerance: 300_000,
            journal: 1 << 30,
            guest: GuestLimits {
                memory: 256 << 20,
                stack: dormouse_engine::WASM_STACK as u64,
            },
            allowance: Arc::new(Allowance::default()),
            instances: 4_096,
            warm_memory: 1 << 30,
            calls_in_flight: 1_024,
            call_timeout: 30_000,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            public_url: "http://localhost:4100".into(),
            limits: Limits::default(),
            retention: 7 * DAY,
            duplicate_window: DAY,
            secret_keys: None,
            rebuild_after_step: false,
        }
    }
}
