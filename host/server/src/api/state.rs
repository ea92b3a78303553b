//! What every handler can use.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_api::Mask;
use dormouse_config::Config;
use dormouse_runtime::Runtime;
use dormouse_store::Backup;
use http::HeaderName;

use super::auth::Auth;
use super::backup::Backups;
use super::docs;
use crate::ingress::Rejections;
use crate::metrics::Metrics;

/// What every handler can use. Cheap to clone, which each layer does for each request.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// What all clones share.
pub struct Shared {
    /// The host.
    pub runtime: Runtime,
    /// What is counted.
    pub metrics: Metrics,
    /// What webhooks refused.
    pub(super) rejections: Rejections,
    /// Headers whose values are not shown.
    pub(super) mask: Mask,
    /// Who may come in.
    pub(super) auth: Auth,
    /// The longest that `Prefer: wait` holds an answer.
    pub(super) max_wait: Duration,
    /// Where backups are made.
    pub(super) backups: Arc<Backups>,
    /// The OpenAPI document.
    pub(super) document: Bytes,
}

impl Deref for AppState {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl AppState {
    /// Returns the state of a host with this configuration, whose store is copied by `backup`.
    #[must_use]
    pub fn new(
        runtime: Runtime,
        backup: Arc<dyn Backup>,
        config: &Config,
        metrics: Metrics,
        rejections: Rejections,
    ) -> Self {
        let masked = config.mask_headers.iter();
        AppState(Arc::new(Shared {
            runtime,
            metrics,
            rejections,
            mask: Mask::default().with(masked.map(HeaderName::to_string)),
            auth: Auth::new(config.token.clone()),
            max_wait: config.max_wait,
            backups: Arc::new(Backups::new(&config.data_dir, backup)),
            document: docs::document().into(),
        }))
    }
}
