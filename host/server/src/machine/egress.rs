//! The client for outbound requests, over HTTP.

use std::sync::Arc;

use dormouse_journal::{CallError, Response};
use dormouse_outbound::Client;
use dormouse_seams::{Attempt, Egress, Task};

use crate::metrics::Metrics;

/// Sends calls with the outbound client, and counts their results.
#[derive(Clone)]
pub struct HttpEgress {
    client: Arc<Client>,
    metrics: Metrics,
}

impl HttpEgress {
    /// Creates an egress that sends with this client and counts in these metrics.
    #[must_use]
    pub fn new(client: Client, metrics: Metrics) -> Self {
        HttpEgress {
            client: Arc::new(client),
            metrics,
        }
    }
}

impl Egress for HttpEgress {
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>> {
        let (client, metrics) = (self.client.clone(), self.metrics.clone());
        Box::pin(async move {
            let result = client.send(attempt).await;
            metrics.call_attempted(&result);
            result
        })
    }

    fn withheld(&self) {
        self.metrics.call_withheld();
    }
}
