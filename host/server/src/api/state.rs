//! What every handler can use.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_api::{Dates, Mask};
use dormouse_config::Config;
use dormouse_runtime::Runtime;
use dormouse_store::Backup;
use http::HeaderName;

use super::auth::Auth;
use super::backup_place::BackupPlace;
use crate::health::Health;
use crate::ingress::Rejections;
use crate::metrics::Metrics;
use crate::request::room::Rooms;

/// What every handler can use. Clones are cheap: each layer makes one for each request.
#[derive(Clone)]
pub(super) struct AppState(Arc<Shared>);

/// What all clones of an [`AppState`] share.
pub(super) struct Shared {
    /// The host.
    pub(super) runtime: Runtime,
    /// The counts that the host keeps of its requests.
    pub(super) metrics: Metrics,
    /// Whether the host can take work.
    pub(super) health: Health,
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
    /// The memory for bodies.
    pub(super) rooms: Rooms,
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
    /// Returns the dates of the host's steady times, as they are now.
    pub(super) fn dates(&self) -> Dates {
        Dates::at(self.runtime.clock().moment())
    }
}

impl AppState {
    /// Returns the state of a host with this configuration, whose store is copied by `backup`. `document` is the OpenAPI
    /// document.
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
        let rooms = Rooms::new(runtime.memory().clone());
        AppState(Arc::new(Shared {
            runtime,
            metrics,
            health,
            rejections,
            mask: Mask::default().with(masked.map(HeaderName::to_string)),
            auth: Arc::new(Auth::new(config.token.clone(), &config.public_url)),
            rooms,
            max_wait: Duration::from_millis(config.limits.max_wait),
            backup_place: BackupPlace::new(&config.data_dir, backup),
            document,
        }))
    }
}
