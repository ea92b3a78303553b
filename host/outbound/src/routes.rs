//! The two routes of requests: one for `/hooks/` paths, which may reach the host's own listeners, and one for all
//! others.
//!
//! Each route has connections of its own. A pool knows hosts and not paths, so a connection to one of the host's own
//! listeners that was opened for a webhook must not be in a pool where a request for another path could use it.

use std::sync::Arc;
use std::time::Duration;

use dormouse_journal::CallError;
use http::Response;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::connector::Connector;
use crate::egress::Egress;
use crate::failure;
use crate::listeners::Listeners;
use crate::outgoing::Outgoing;
use crate::policy::Policy;
use crate::resolve::Resolve;
use crate::trust::Trust;
use crate::upload::Upload;

/// How many idle connections are kept for one host. With these, a burst of calls to one service reuses connections.
const IDLE_PER_HOST: usize = 16;

/// How long an idle connection is kept. Many servers close idle connections after 60 s, some after less, and a request
/// on a connection that the server is closing is lost.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The largest buffer of an HTTP/1 connection, in bytes. It bounds three things: the head of a response; the memory that a
/// service takes with a head that does not end; and how much one connection reads before others have their turn, so that
/// many large responses at once do not delay a wake. Over HTTP/2, hyper takes heads of
/// 16 KiB.
const CONNECTION_BUFFER: usize = 64 << 10;

/// How often an HTTP/2 connection with open requests is probed. Without probes, requests would still be sent on a
/// connection whose other end is gone.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to a probe of an HTTP/2 connection may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

type Hyper = legacy::Client<HttpsConnector<Connector>, Upload>;

/// The settings and services that both routes are built from.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) policy: Policy,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) trust: Trust,
    pub(crate) connect_timeout: Duration,
}

/// The two routes, for one set of the host's own listeners.
pub(crate) struct Routes {
    usual: Hyper,
    webhooks: Hyper,
    trusts_any: bool,
}

impl Routes {
    pub(crate) fn new(parts: &Parts, own: Listeners) -> Self {
        Routes {
            usual: hyper(parts, own, IDLE_PER_HOST),
            // This route keeps no idle connections, so none is used twice.
            webhooks: hyper(parts, Listeners::default(), 0),
            trusts_any: parts.trust.any,
        }
    }

    /// Sends a request and returns the response, whose body was not read yet.
    pub(crate) async fn send(&self, outgoing: &Outgoing) -> Result<Response<Incoming>, CallError> {
        if outgoing.url.scheme() == "https" && !self.trusts_any {
            return Err(failure::no_roots());
        }
        let request = outgoing.to_http()?;
        let route = if is_webhook(request.uri().path()) {
            &self.webhooks
        } else {
            &self.usual
        };
        route
            .request(request)
            .await
            .map_err(|error| failure::before_response(&error, outgoing.authority()))
    }
}

fn hyper(parts: &Parts, forbidden: Listeners, idle: usize) -> Hyper {
    let egress = Egress {
        policy: parts.policy.clone(),
        forbidden,
    };
    let connector = Connector::new(egress, parts.resolver.clone(), parts.connect_timeout);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(parts.trust.config.clone())
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(idle)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .http1_max_buf_size(CONNECTION_BUFFER)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .build(https)
}

/// Returns whether a path can only be the path of a webhook. A server may resolve dots, decode escaped dots and slashes, or
/// read a backslash as a slash. No webhook needs any of these, so a path that has one of them does not count as a webhook's.
fn is_webhook(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let is_odd = ["%2e", "%2f", "%5c", "\\"]
        .iter()
        .any(|odd| lower.contains(odd));
    let has_dots = path.split('/').any(|part| matches!(part, "." | ".."));
    path.starts_with("/hooks/") && !is_odd && !has_dots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_webhooks() {
        for path in [
            "/hooks/token",
            "/hooks/token/",
            "/hooks/token/a%20b",
            "/hooks/token/...",
        ] {
            assert!(is_webhook(path), "{path}");
        }
        for path in [
            "/",
            "/hooks",
            "//hooks/token",
            "/Hooks/token",
            "/hooks2/token",
            "/v1/hooks/token",
            "/%68ooks/token",
            "/hooks/..%2Fv1/runs",
            "/hooks/..%5cv1/runs",
            "/hooks/x%2E%2e/v1/runs",
            "/hooks/../v1/runs",
            "/hooks/./token",
            "/hooks/token/..",
            "/hooks/token/.",
            "/hooks\\..\\v1",
            "/hooks/..\\v1",
        ] {
            assert!(!is_webhook(path), "{path}");
        }
    }
}
