//! The settings that concern the parts below HTTP.

use std::sync::Arc;

use dormouse_journal::WhenBroken;
use dormouse_limits::Limits;
use dormouse_secret::SecretKeys;
use dormouse_webhook::provider::Providers;

/// The settings of the runtime.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The beginning of the URLs of webhooks, without a slash at the end.
    pub public_url: String,
    /// The limits.
    pub limits: Limits,
    /// The providers whose webhooks the host knows.
    pub providers: Providers,
    /// Seals and opens secrets. Without keys, the host can use no secrets.
    pub secret_keys: Option<Arc<SecretKeys>>,
    /// What happens to a run that breaks, unless its workflow has a setting of its own.
    pub when_broken: WhenBroken,
    /// Drops an instance after each step and rebuilds it from the journal, to show that a step leaves nothing
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
