//! The state that every handler can use.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use dormouse_api::{Dates, Mask};
use dormouse_config::Config;
use dormouse_runtime::Runtime;
use dormouse_store::Backup;
use dormouse_webhook::provider::Providers;
use http::HeaderName;

use super::auth::Auth;
use super::backup_place::BackupPlace;
use super::large::Turns;
use crate::health::Health;
use crate::ingress::Rejections;
use crate::metrics::Metrics;
use crate::request::body::check_json;
use crate::request::body_memory::BodyBudget;

/// The state that every handler can use. Clones are cheap: each layer makes one for each request.
#[derive(Clone)]
pub(super) struct AppState(Arc<Shared>);

/// What all clones of an [`AppState`] share.
pub(super) struct Shared {
    /// The host.
    pub(super) runtime: Runtime,
    /// The counters of the host's requests.
    pub(super) metrics: Metrics,
    /// Whether the host can take work.
    pub(super) health: Health,
    /// The requests that webhooks refused.
    pub(super) rejections: Rejections,
    /// The headers whose values are not shown.
    mask: OnceLock<Mask>,
    /// Further headers that the operator named.
    masked: Vec<String>,
    /// The rule that decides who may use the API.
    pub(super) auth: Auth,
    /// The longest time for which `Prefer: wait` holds an answer.
    pub(super) max_wait: Duration,
    /// Where backups are made.
    pub(super) backup_place: BackupPlace,
    /// The memory for bodies.
    pub(super) body_budget: BodyBudget,
    /// The turns to make a large answer.
    pub(super) turns: Turns,
    /// The OpenAPI document.
    pub(super) document: Bytes,
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// Returns the headers whose values are not shown. To find all of them, the descriptions of all providers are
    /// compiled once, when they are first needed.
    pub(super) fn mask(&self) -> &Mask {
        self.mask.get_or_init(|| {
            let providers = &self.runtime.settings().providers;
            Mask::default()
                .with(self.masked.iter().cloned())
                .with(signature_headers(providers))
        })
    }

    /// Checks that a body is JSON or empty, on another thread if it is large.
    pub(super) async fn check_json(&self, body: Bytes) -> Result<(), String> {
        let size = body.len();
        let checking = move || check_json(&body);
        self.runtime.compute(size, checking).await
    }

    /// Returns the present relation between the host's steady times and dates.
    pub(super) fn dates(&self) -> Dates {
        Dates::at(self.runtime.clock().moment())
    }
}

impl AppState {
    /// Creates the state of a host with this configuration, whose store is copied by `backup`. `document` is the
    /// OpenAPI document.
    pub(super) fn new(
        runtime: Runtime,
        backup: Arc<dyn Backup>,
        config: &Config,
        metrics: Metrics,
        health: Health,
        rejections: Rejections,
        document: Bytes,
    ) -> Self {
        let masked = config.mask_headers.iter();
        let body_budget = BodyBudget::new(runtime.memory().clone(), config.limits.connections);
        AppState(Arc::new(Shared {
            runtime,
            metrics,
            health,
            rejections,
            mask: OnceLock::new(),
            masked: masked.map(HeaderName::to_string).collect(),
            auth: Auth::new(config.token.clone(), &config.public_url),
            body_budget,
            turns: Turns::new(),
            max_wait: Duration::from_millis(config.limits.max_wait),
            backup_place: BackupPlace::new(&config.data_dir, backup),
            document,
        }))
    }
}

/// Returns the headers with the signatures of all providers, except those whose names a webhook chooses. A provider
/// signs whether or not the workflow checks.
fn signature_headers(providers: &Providers) -> Vec<String> {
    let checks = providers.all().filter_map(|provider| {
        let check = provider.check(&[]).ok()?;
        Some(check.signature_headers())
    });
    checks.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_of_all_providers_are_masked() {
        let mask = Mask::default().with(signature_headers(&Providers::default()));
        for name in ["Stripe-Signature", "X-Hub-Signature-256", "svix-signature"] {
            assert!(mask.hides(name), "{name}");
        }
        assert!(!mask.hides("webhook-id"));
    }
}
