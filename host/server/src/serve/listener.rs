//! An address listened on: connections are accepted as long as there is a place for them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use dormouse_limits::CONNECTIONS;
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::Terms;
use crate::machine::MachineClock;

/// Between attempts when connections cannot be accepted. Out of file descriptors, say: connections that end will help.
const RETRY: u64 = 200;

/// Between warnings that the connections are at their limit, which a flood of them would fill the log with.
const WARN_AGAIN: Duration = Duration::from_secs(60);

/// Accepts connections, for ever. Each address has places of its own, so that a flood from outside does not keep the
/// operator out.
pub(super) async fn accept(listener: TcpListener, routes: Router, terms: Terms) {
    let mut places = Places::new(terms.connections());
    loop {
        let place = places.take().await;
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small, and each is waited for.
                let _ = stream.set_nodelay(true);
                let serving = terms.serve(stream, peer, routes.clone());
                tokio::spawn(async move {
                    serving.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                MachineClock.pause(RETRY).await;
            }
        }
    }
}

/// Places for connections.
struct Places {
    free: Arc<Semaphore>,
    limit: usize,
    warned: Option<Instant>,
}

impl Places {
    fn new(limit: usize) -> Self {
        Places {
            free: Arc::new(Semaphore::new(limit)),
            limit,
            warned: None,
        }
    }

    /// Waits for a place. None if there never will be one, which is when nobody asks any more.
    async fn take(&mut self) -> Option<OwnedSemaphorePermit> {
        let is_due = |warned: Instant| warned.elapsed() >= WARN_AGAIN;
        if self.free.available_permits() == 0 && self.warned.is_none_or(is_due) {
            self.warned = Some(Instant::now());
            let limit = self.limit;
            tracing::warn!(
                limit,
                "no connection is accepted before one ends; the setting is `{CONNECTIONS}`"
            );
        }
        self.free.clone().acquire_owned().await.ok()
    }
}
