//! The way out, over HTTP.

use std::sync::Arc;

use dormouse_journal::{CallError, Response};
use dormouse_outbound::Client;
use dormouse_runtime::{Attempt, Egress};
use dormouse_store::seams::Task;

/// Sends calls with the outbound client.
#[derive(Clone)]
pub struct HttpEgress(pub Arc<Client>);

impl Egress for HttpEgress {
    fn send(&self, attempt: Attempt) -> Task<Result<Response, CallError>> {
        let client = self.0.clone();
        Box::pin(async move {
            let attempt = dormouse_outbound::Attempt {
                request: attempt.request,
                timeout: attempt.timeout,
                redirects: attempt.redirects,
                max_response: Some(attempt.max_response),
            };
            client.send(attempt).await
        })
    }
}
