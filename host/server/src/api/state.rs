//! What every handler can use.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_api::Mask;
use dormouse_config::Config;
use dormouse_runtime::Runtime;
use dormouse_store::Snapshot;
use http::{HeaderName, StatusCode};

use super::auth::Auth;
use super::backup_place::BackupPlace;
use crate::ingress::Rejections;
use crate::metrics::Metrics;
use crate::problem::Problem;

/// What every handler can use. Clones are cheap: each layer makes one for each request.
#[derive(Clone)]
pub(super) struct AppState(Arc<Shared>);

/// What all clones of an [`AppState`] share.
pub(super) struct Shared {
    /// The host.
    pub(super) runtime: Runtime,
    /// The counts that the host keeps of its requests.
    pub(super) metrics: Metrics,
    /// The requests that webhooks refused.
    pub(super) rejections: Rejections,
    /// The headers whose values are not shown.
    pub(super) mask: Mask,
    /// The rule for who may use the API.
    pub(super) auth: Arc<Auth>,
    /// The longest time for which `Prefer: wait` holds an answer.
    pub(super) max_wait: Duration,
    /// Where backups are made.
    pub(super) backup_place: BackupPlace,
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
    /// Returns the state of a host with this configuration. `document` is the OpenAPI document.
    pub(super) fn new(
        runtime: Runtime,
        config: &Config,
        metrics: Metrics,
        rejections: Rejections,
        document: Bytes,
    ) -> Self {
        let masked = config.mask_headers.iter();
        AppState(Arc::new(Shared {
            runtime,
            metrics,
            rejections,
            mask: Mask::default().with(masked.map(HeaderName::to_string)),
            auth: Arc::new(Auth::new(config.token.clone())),
            max_wait: config.max_wait,
            backup_place: BackupPlace::new(&config.data_dir),
            document,
        }))
    }

    /// Asks the store for a few rows, here and now: going to another thread would cost more than they do.
    pub(super) fn look<T>(
        &self,
        question: impl FnOnce(&Snapshot) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        question(&self.runtime.read()?)
    }

    /// Asks the store for what may be much, on a thread where waiting for the disk holds up nobody.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let snapshot = self.runtime.read()?;
        let answer = tokio::task::spawn_blocking(move || question(&snapshot)).await;
        answer.unwrap_or_else(|error| {
            tracing::error!(%error, "a read panicked");
            let detail = "the host could not answer this; its log says why";
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                detail,
            ))
        })
    }
}
