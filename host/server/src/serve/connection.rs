//! One connection: what a client may ask of it, and how long it may keep it for nothing.
//!
//! hyper gives up a head of HTTP/1 that does not come, and pings a client of HTTP/2. It does not mind one that connects
//! and says nothing, answers pings and never asks for anything, or does not read its answers. So a connection with no
//! request at work is ended after a while, unless its client still takes what was answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use dormouse_config::Config;
use http::Request;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::activity::{Activity, Metered};

/// Bytes of a request's head. The largest headers in use are cookies and tokens of some KiB; nginx takes 32 KiB. hyper
/// reads bodies in pieces of this size too, so that up to twice as much of a head may be there before it is refused.
/// The number of headers is bounded by hyper, at 100.
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
    head_timeout: Duration,
    limit: usize,
}

/// On what terms a listener serves its connections.
pub(super) struct Terms {
    stop: watch::Receiver<()>,
    head_timeout: Duration,
    limit: usize,
}

impl Connections {
    pub(super) fn new(config: &Config) -> Self {
        Connections {
            stop: watch::Sender::new(()),
            head_timeout: Duration::from_millis(config.limits.head_timeout),
            limit: config.limits.connections as usize,
        }
    }

    pub(super) fn listener(&self) -> Terms {
        Terms {
            stop: self.stop.subscribe(),
            head_timeout: self.head_timeout,
            limit: self.limit,
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
    /// How many connections a listener serves at once.
    pub(super) fn connections(&self) -> usize {
        self.limit
    }

    /// Serves a connection to its end.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        routes: Router,
    ) -> impl Future<Output = ()> + Send + use<> {
        let activity = Arc::new(Activity::new(self.head_timeout));
        let stop = self.stop.clone();
        let builder = builder(self.head_timeout);
        async move {
            let io = TokioIo::new(Metered::new(stream, activity.clone()));
            let service = service(peer, routes, activity.clone());
            let connection = builder.serve_connection(io, service).into_owned();
            attend(connection, &activity, stop).await;
        }
    }
}

fn builder(head_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
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

/// The routes, as this connection asks them: with the address of its other end in each request.
fn service(
    peer: SocketAddr,
    routes: Router,
    activity: Arc<Activity>,
) -> impl Service<
    Request<Incoming>,
    Response = Response,
    Error = Infallible,
    Future = impl Future<Output = Result<Response, Infallible>> + Send + 'static,
> {
    let routes = TowerToHyperService::new(routes);
    service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let work = activity.clone().begin();
        let answer = routes.call(request);
        async move {
            let answer = answer.await;
            drop(work);
            answer
        }
    })
}

/// Sees a connection to its end, which comes when its client wants it, when the host stops, or when it is quiet.
async fn attend<C: GracefulConnection<Error: std::fmt::Display>>(
    connection: C,
    activity: &Activity,
    mut stop: watch::Receiver<()>,
) {
    let mut connection = pin!(connection);
    let mut is_stopping = false;
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            _ = stop.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = activity.quiet() => {
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = timeout(PART_WITHIN, connection.as_mut()).await {
                    break ended;
                }
                // What was on its way when the client was told is still answered.
                if activity.is_quiet() {
                    return tracing::debug!("a quiet connection was cut off");
                }
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended badly");
    }
}
