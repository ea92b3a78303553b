//! The connector beneath TLS: resolves a name, checks each of its addresses, and connects to one that calls may reach.
//!
//! The name is resolved once, and the connection goes to an address that was checked. So an attacker gains nothing by a
//! name that resolves to another address the second time ("DNS rebinding").

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tower::Service;

use crate::address::canonical;
use crate::egress::{Egress, EgressDenied};
use crate::resolve::Resolve;

/// How long an address is tried before the next one is tried as well. RFC 8305 recommends this delay.
const HEAD_START: Duration = Duration::from_millis(250);

/// How long to wait before connecting again if the host had no free file descriptor.
const RETRY: Duration = Duration::from_millis(200);

/// Connects to hosts that the egress rules permit. A connector gets the host and the port of a request, never the path.
#[derive(Clone)]
pub(crate) struct Connector {
    egress: Arc<Egress>,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
}

/// Why no connection was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error(transparent)]
    Denied(#[from] EgressDenied),
    #[error("could not resolve {host}")]
    Unresolved { host: String },
    #[error("could not connect to {host}:{port}: {kind}")]
    Failed {
        host: String,
        port: u16,
        kind: io::ErrorKind,
    },
    #[error("could not connect to {host}:{port} within {limit:?}")]
    TimedOut {
        host: String,
        port: u16,
        limit: Duration,
    },
}

impl Connector {
    pub(crate) fn new(egress: Egress, resolver: Arc<dyn Resolve>, timeout: Duration) -> Self {
        Connector {
            egress: Arc::new(egress),
            resolver,
            timeout,
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<TcpStream, ConnectError> {
        let (host, port) = (uri.host().unwrap_or_default(), port_of(uri));
        let limit = self.timeout;
        timeout(limit, self.open(host, port))
            .await
            .unwrap_or_else(|_| {
                Err(ConnectError::TimedOut {
                    host: host.to_owned(),
                    port,
                    limit,
                })
            })
    }

    async fn open(&self, host: &str, port: u16) -> Result<TcpStream, ConnectError> {
        let addresses = self.permitted(host, self.addresses(host, port).await?)?;
        let failed = |error: io::Error| ConnectError::Failed {
            host: host.to_owned(),
            port,
            kind: error.kind(),
        };
        let stream = loop {
            match race(&addresses).await {
                // The service is not at fault, and the host may have a free file descriptor soon.
                Err(error) if is_out_of_files(&error) => {
                    let _ = timeout(RETRY, std::future::pending::<()>()).await;
                }
                connected => break connected.map_err(failed)?,
            }
        };
        // A request is written as a whole, so to wait for more data (Nagle's algorithm) would only delay it.
        stream.set_nodelay(true).map_err(failed)?;
        Ok(stream)
    }

    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        if let Ok(literal) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(literal, port)]);
        }
        match self.resolver.resolve(host, port).await {
            Ok(addresses) if !addresses.is_empty() => Ok(addresses),
            _ => Err(ConnectError::Unresolved {
                host: host.to_owned(),
            }),
        }
    }

    /// Returns those of the addresses that calls may reach. If there is none, the error says why the first one was refused.
    fn permitted(&self, host: &str, all: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, EgressDenied> {
        let mut permitted = Vec::with_capacity(all.len());
        let mut refused = None;
        for address in all.into_iter().map(canonical) {
            match self.egress.check(host, address) {
                Ok(()) => permitted.push(address),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match refused {
            Some(refusal) if permitted.is_empty() => Err(refusal),
            _ => Ok(permitted),
        }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move { connector.connect(&uri).await.map(TokioIo::new) })
    }
}

/// Returns true if the process or the machine had no free file descriptor: `EMFILE`, `ENFILE`.
fn is_out_of_files(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(24 | 23))
}

fn port_of(uri: &Uri) -> u16 {
    let usual = if uri.scheme() == Some(&Scheme::HTTPS) {
        443
    } else {
        80
    };
    uri.port_u16().unwrap_or(usual)
}

/// Connects to the address that answers first. The next address is tried when the one before has failed or its head
/// start is over. So an address that does not answer (often all of IPv6) delays a call by the head start only, and not
/// by the whole timeout.
async fn race(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        attempts.spawn(TcpStream::connect(*address));
        if let Ok(Some(attempt)) = timeout(HEAD_START, attempts.join_next()).await {
            match attempt? {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
    }
    while let Some(attempt) = attempts.join_next().await {
        match attempt? {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_the_schemes_when_none_is_named() {
        let port = |uri: &'static str| port_of(&Uri::from_static(uri));
        assert_eq!(
            (port("http://a.example"), port("https://a.example")),
            (80, 443)
        );
        assert_eq!(
            (port("http://a.example:81"), port("https://[::1]:82")),
            (81, 82)
        );
    }
}
