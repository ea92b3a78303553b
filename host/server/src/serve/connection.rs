//! One connection: what a client may send on it, and how long it may stay unused.
//!
//! hyper gives up a head of HTTP/1 that does not arrive, and pings a client of HTTP/2. It does not close the connection
//! of a client that connects and sends nothing, that answers pings and never sends a request, or that does not read its
//! answers. So a connection without a request under way is closed after some time, unless its client still reads an
//! answer. It is closed sooner if others wait for its place.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use dormouse_limits::{Budget, Grant, Limits, Part};
use futures::future::Either;
use http::Request;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::request::weight::{Weight, keeping};
use crate::request::{head, pace, unread};

use super::activity::{Activity, Metered};

/// The largest head of a request in bytes. The largest headers in use are cookies and tokens of some KiB; nginx accepts
/// 32 KiB. hyper reads bodies in pieces of this size too, so up to twice as much of a head may have arrived before it
/// is refused. hyper reads up to twice as many fields as are allowed, so that the host itself can answer that there are
/// too many.
const MOST_HEAD: u32 = 64 << 10;

/// The number of bytes that a connection of HTTP/2 may send of all its bodies before they are read.
const MOST_WINDOW: u32 = 128 << 10;

/// The number of bytes that one connection may hold before a request is seen: twice a head, or the window of HTTP/2.
pub(super) const MOST_HELD: u64 = 2 * MOST_HEAD as u64;

/// The largest number of concurrent requests on one connection of HTTP/2. RFC 9113, section 6.5.2, advises against
/// fewer than 100.
const MOST_STREAMS: u32 = 128;

/// The time between pings on a connection of HTTP/2. They end the connections of clients that are gone, so that their
/// requests do not continue.
const PING_EVERY: Duration = Duration::from_secs(20);

/// The time within which a ping must be answered. A client that does not read does not answer.
const PONG_WITHIN: Duration = Duration::from_secs(20);

/// The time between telling the client of a quiet connection that it ends and cutting it off: some round trips to
/// anywhere.
const PART_WITHIN: Duration = Duration::from_secs(1);

/// The present connections, which are ended together.
pub(super) struct Connections {
    stop: watch::Sender<()>,
    bounds: Bounds,
    memory: Budget,
    metrics: Metrics,
}

/// The terms on which a listener serves its connections.
pub(super) struct ConnectionSettings {
    stop: watch::Receiver<()>,
    bounds: Bounds,
    memory: Budget,
    metrics: Metrics,
}

/// The limits of a connection.
#[derive(Clone, Copy)]
struct Bounds {
    /// How long a head may take, and how long the connection may be quiet.
    head_timeout: Duration,
    /// How long a body may take, in addition to the time that it earns.
    body_timeout: Duration,
    /// The largest number of fields in a head.
    header_fields: usize,
}

impl Connections {
    pub(super) fn new(limits: &Limits, memory: Budget, metrics: Metrics) -> Self {
        Connections {
            stop: watch::Sender::new(()),
            bounds: Bounds {
                head_timeout: Duration::from_millis(limits.head_timeout),
                body_timeout: Duration::from_millis(limits.body_timeout),
                header_fields: limits.header_fields as usize,
            },
            memory,
            metrics,
        }
    }

    pub(super) fn listener(&self) -> ConnectionSettings {
        ConnectionSettings {
            stop: self.stop.subscribe(),
            bounds: self.bounds,
            memory: self.memory.clone(),
            metrics: self.metrics.clone(),
        }
    }

    /// Ends all connections, as soon as their requests are answered. Listeners must have been dropped.
    pub(super) async fn end(self) {
        // If there is no connection, nobody receives this.
        let _ = self.stop.send(());
        self.stop.closed().await;
    }
}

impl ConnectionSettings {
    /// Counts a connection that was closed at once, because its client has too many.
    pub(super) fn turned_away(&self) {
        self.metrics.connection_turned_away();
    }

    /// Returns the activity of a new connection.
    pub(super) fn activity(&self) -> Arc<Activity> {
        Arc::new(Activity::new(self.bounds.head_timeout))
    }

    /// Serves a connection until it ends.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        routes: Router,
        activity: Arc<Activity>,
    ) -> impl Future<Output = ()> + Send + use<> {
        let (stop, metrics) = (self.stop.clone(), self.metrics.clone());
        let builder = builder(self.bounds);
        let entrance = RequestService {
            peer,
            routes: TowerToHyperService::new(routes),
            activity: activity.clone(),
            bounds: self.bounds,
            memory: self.memory.clone(),
            metrics: self.metrics.clone(),
        };
        async move {
            let io = TokioIo::new(Metered::new(stream, activity.clone()));
            let service = service_fn(move |request| entrance.take(request));
            let connection = builder.serve_connection(io, service).into_owned();
            let Err(error) = attend(connection, &activity, stop).await else {
                return;
            };
            tracing::debug!(%error, "a connection ended with an error");
            if let Some(reason) = refused_by_hyper(&*error) {
                metrics.head_refused(reason);
            }
        }
    }
}

fn builder(bounds: Bounds) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.head_timeout)
        .max_headers(2 * bounds.header_fields)
        .max_buf_size(MOST_HEAD as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .max_header_list_size(MOST_HEAD)
        .initial_connection_window_size(MOST_WINDOW)
        .initial_stream_window_size(MOST_WINDOW)
        .max_concurrent_streams(MOST_STREAMS);
    builder
}

/// The entrance for the requests of a connection.
struct RequestService {
    peer: SocketAddr,
    routes: TowerToHyperService<Router>,
    activity: Arc<Activity>,
    bounds: Bounds,
    memory: Budget,
    metrics: Metrics,
}

impl RequestService {
    /// Limits a request's body, takes memory for its head, checks the head, and lets the routes answer the request.
    fn take(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let work = self.activity.clone().begin();
        let request = request.map(|body| pace::kept(Body::new(body), self.bounds.body_timeout));
        let mut request = unread::thrown_away(request);
        let admitted = head::check(&request, self.bounds.header_fields)
            .and_then(|()| self.take_memory(&mut request));
        let (answer, memory) = match admitted {
            Ok(memory) => {
                request.extensions_mut().insert(ConnectInfo(self.peer));
                (Either::Left(self.routes.call(request)), memory)
            }
            Err(problem) => {
                self.metrics.head_refused(problem.code());
                let answer = std::future::ready(Ok(problem.into_response()));
                (Either::Right(answer), None)
            }
        };
        async move {
            let answer = answer.await;
            drop(work);
            match memory {
                Some(memory) => answer.map(|answer| keeping(answer, memory)),
                None => answer,
            }
        }
    }

    /// Takes the memory that a request needs besides its body. None if that belongs to its connection.
    fn take_memory(&self, request: &mut Request<Body>) -> Result<Option<Grant>, Problem> {
        let Some(weight) = Weight::of(request) else {
            return Ok(None);
        };
        let memory = self.memory.take(Part::Requests, weight.0);
        let memory = memory.ok_or_else(Problem::no_memory)?;
        request.extensions_mut().insert(weight);
        Ok(Some(memory))
    }
}

/// Returns the reason why hyper refused a head, if that ended the connection. hyper has sent an answer without a body
/// itself.
fn refused_by_hyper(error: &(dyn Error + Send + Sync + 'static)) -> Option<&'static str> {
    let error = error.downcast_ref::<hyper::Error>()?;
    if error.is_parse_too_large() {
        Some("unread-too-large")
    } else if error.is_parse() {
        Some("unread-malformed")
    } else if error.is_timeout() {
        Some("unread-too-slow")
    } else {
        None
    }
}

/// Serves a connection until it ends: when its client closes it, when the host stops, when it has been quiet, or when it is
/// unused and others need its place.
async fn attend<C: GracefulConnection>(
    connection: C,
    activity: &Activity,
    mut stop: watch::Receiver<()>,
) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _ = stop.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = activity.quiet() => {
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = timeout(PART_WITHIN, connection.as_mut()).await {
                    return ended;
                }
                // Requests that were on their way when the client was told are still answered.
                if activity.is_quiet() {
                    tracing::debug!("an unused connection was closed");
                    return Ok(());
                }
            }
        }
    }
}
