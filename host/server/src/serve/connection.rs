//! One connection: what a client may ask of it, and how long it may keep it for nothing.
//!
//! hyper gives up a head of HTTP/1 that does not come, and pings a client of HTTP/2. It does not mind one that connects
//! and says nothing, answers pings and never asks for anything, or does not read its answers. So a connection with no
//! request at work is ended after a while, unless its client still takes what was answered.

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
use dormouse_limits::Limits;
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
use crate::request::{head, pace, unread};

use super::activity::{Activity, Metered};

/// Bytes of a request's head. The largest headers in use are cookies and tokens of some KiB; nginx takes 32 KiB. hyper
/// reads bodies in pieces of this size too, so that up to twice as much of a head may be there before it is refused.
/// hyper reads up to twice as many fields as are allowed, so that the host says itself that there are too many.
const MOST_HEAD: u32 = 64 << 10;

/// Bytes that a connection of HTTP/2 may send of all its bodies before they are read.
const MOST_WINDOW: u32 = 128 << 10;

/// Bytes that one connection may hold before a request is seen: twice a head, or the window of HTTP/2.
pub(super) const MOST_HELD: u64 = 2 * MOST_HEAD as u64;

/// Requests at once on one connection of HTTP/2. RFC 9113, section 6.5.2, advises against fewer than 100.
const MOST_STREAMS: u32 = 128;

/// Between pings on a connection of HTTP/2, so that one whose client is gone does not keep what it asked for at work.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Within which a ping is answered. A client that does not read will not.
const PONG_WITHIN: Duration = Duration::from_secs(20);

/// Between telling the client of a quiet connection that it ends and cutting it off: some round trips to anywhere.
const PART_WITHIN: Duration = Duration::from_secs(1);

/// The connections under way, which are ended together.
pub(super) struct Connections {
    stop: watch::Sender<()>,
    bounds: Bounds,
    metrics: Metrics,
}

/// On what terms a listener serves its connections.
pub(super) struct Terms {
    stop: watch::Receiver<()>,
    bounds: Bounds,
    metrics: Metrics,
}

/// What bounds a connection.
#[derive(Clone, Copy)]
struct Bounds {
    /// How long a head may take, and how long the connection may be quiet.
    head_timeout: Duration,
    /// How long a body may take, beside what it earns.
    body_timeout: Duration,
    /// How many fields a head may have.
    header_fields: usize,
}

impl Connections {
    pub(super) fn new(limits: &Limits, metrics: Metrics) -> Self {
        Connections {
            stop: watch::Sender::new(()),
            bounds: Bounds {
                head_timeout: Duration::from_millis(limits.head_timeout),
                body_timeout: Duration::from_millis(limits.body_timeout),
                header_fields: limits.header_fields as usize,
            },
            metrics,
        }
    }

    pub(super) fn listener(&self) -> Terms {
        Terms {
            stop: self.stop.subscribe(),
            bounds: self.bounds,
            metrics: self.metrics.clone(),
        }
    }

    /// Ends all of them, as soon as what they were asked is answered. Listeners must have been dropped.
    pub(super) async fn end(self) {
        // Nobody is told when there is none.
        let _ = self.stop.send(());
        self.stop.closed().await;
    }
}

impl Terms {
    /// Counts a connection that was ended at once, since its client has as many as it may.
    pub(super) fn turned_away(&self) {
        self.metrics.connection_turned_away();
    }

    /// Serves a connection to its end.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        routes: Router,
    ) -> impl Future<Output = ()> + Send + use<> {
        let activity = Arc::new(Activity::new(self.bounds.head_timeout));
        let (stop, metrics) = (self.stop.clone(), self.metrics.clone());
        let builder = builder(self.bounds);
        let entrance = Entrance {
            peer,
            routes: TowerToHyperService::new(routes),
            activity: activity.clone(),
            bounds: self.bounds,
            metrics: self.metrics.clone(),
        };
        async move {
            let io = TokioIo::new(Metered::new(stream, activity.clone()));
            let service = service_fn(move |request| entrance.take(request));
            let connection = builder.serve_connection(io, service).into_owned();
            let Err(error) = attend(connection, &activity, stop).await else {
                return;
            };
            tracing::debug!(%error, "a connection ended badly");
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

/// Where the requests of a connection come in.
struct Entrance {
    peer: SocketAddr,
    routes: TowerToHyperService<Router>,
    activity: Arc<Activity>,
    bounds: Bounds,
    metrics: Metrics,
}

impl Entrance {
    /// Bounds a request's body, checks its head, and has the routes answer it.
    fn take(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response, Infallible>> + Send + use<> {
        let work = self.activity.clone().begin();
        let request = request.map(|body| pace::kept(Body::new(body), self.bounds.body_timeout));
        let mut request = unread::thrown_away(request);
        let answer = match head::check(&request, self.bounds.header_fields) {
            Ok(()) => {
                request.extensions_mut().insert(ConnectInfo(self.peer));
                Either::Left(self.routes.call(request))
            }
            Err(problem) => {
                self.metrics.head_refused(problem.code());
                Either::Right(std::future::ready(Ok(problem.into_response())))
            }
        };
        async move {
            let answer = answer.await;
            drop(work);
            answer
        }
    }
}

/// Returns what hyper refused a head for, if that is why a connection ended. It has answered by itself then, without a body.
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

/// Sees a connection to its end, which comes when its client wants it, when the host stops, or when it is quiet.
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
                // What was on its way when the client was told is still answered.
                if activity.is_quiet() {
                    tracing::debug!("a quiet connection was cut off");
                    return Ok(());
                }
            }
        }
    }
}
