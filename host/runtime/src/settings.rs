//! What an operator can set, as far as it concerns the world below HTTP.

use std::sync::Arc;

use dormouse_journal::WhenBroken;
use dormouse_limits::Limits;
use dormouse_secret::SecretKeys;
use dormouse_webhook::provider::Providers;

/// The settings of the runtime.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What webhooks' URLs begin with, without a slash at the end.
    pub public_url: String,
    /// The limits.
    pub limits: Limits,
    /// The providers whose webhooks the host knows.
    pub providers: Providers,
    /// What seals secrets and opens them. Without keys there are none to be used.
    pub secret_keys: Option<Arc<SecretKeys>>,
    /// What becomes of runs that break, of workflows that do not say.
    pub when_broken: WhenBroken,
    /// Tears an instance down after each step and rebuilds it from the journal, to prove that a step leaves nothing
    /// behind. For tests: it costs a replay.
    pub rebuild_after_step: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            public_url: "http://localhost:4100".into(),
            limits: Limits::default(),
            providers: Providers::default(),
            secret_keys: None,
            when_broken: WhenBroken::Block,
            rebuild_after_step: false,
        }
    }
}
