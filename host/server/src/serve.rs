//! `dormouse serve`: builds the host from the real machine, listens, and leaves in good order.
//!
//! Leaving takes at most [`LEAVE_WITHIN`]: no new connection and no new work is taken, activations under way are
//! committed or thrown away, answers under way are finished, and what still hangs after that is cut off, which the next
//! start takes for a crash.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use dormouse_engine::Engine;
use dormouse_outbound::Client;
use dormouse_runtime::{Parts, Runtime};
use dormouse_store::OpenError;
use dormouse_store::seams::Clock as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::api::{self, AppState};
use crate::config::Config;
use crate::ingress::{self, Ingress};
use crate::machine::{
    ChildCompiler, FileDisk, HttpEgress, MachineClock, SystemEntropy, TokioTasks,
};
use crate::metrics::Metrics;

/// From the signal to the exit. Whoever sent it kills after some time, 10 s at the least.
const LEAVE_WITHIN: Duration = Duration::from_millis(4_500);

/// Between ticks of the engine's epoch. A guest that computes gives way, and is measured, this often.
const TICK: Duration = Duration::from_millis(5);

/// Between looks at whether the disk has failed.
const HEALTH: u64 = 200;

/// How long a client may take to send a request's head.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// Why the host could not serve, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not to be had.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The data directory cannot be made.
    #[error("the data directory {path:?} cannot be made: {source}")]
    Directory {
        /// The directory.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error("{path:?}: {source}")]
    Store {
        /// The directory.
        path: std::path::PathBuf,
        /// Why.
        source: OpenError,
    },
    /// The engine cannot be made.
    #[error("the engine cannot be made: {0}")]
    Engine(#[from] dormouse_engine::EngineError),
    /// The machine does not give what a server needs.
    #[error("{0}")]
    Machine(#[from] std::io::Error),
    /// The disk failed while the host ran.
    #[error(
        "the disk failed, and the host stopped: what was acknowledged is safe; see the log for the cause"
    )]
    DiskFailed,
}

/// Serves until a signal comes or the disk fails.
///
/// # Errors
/// When the host cannot start, or the disk failed.
pub async fn serve(config: Config) -> Result<(), ServeError> {
    let address = config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let address = listener.local_addr()?;
    let config = config.bound(address);
    let metrics = Metrics::default();
    let runtime = open(&config, &metrics)?;
    let routes = api::router(AppState::new(runtime.clone(), &config, metrics.clone())).merge(
        ingress::routes(Ingress {
            runtime: runtime.clone(),
            metrics,
        }),
    );
    tracing::info!(%address, public_url = config.public_url, "listening");
    let failed = accept(listener, routes, &runtime).await?;
    if failed {
        Err(ServeError::DiskFailed)
    } else {
        Ok(())
    }
}

fn open(config: &Config, metrics: &Metrics) -> Result<Runtime, ServeError> {
    let path = config.data_dir.clone();
    let disk = FileDisk::new(&path).map_err(|source| ServeError::Directory {
        path: path.clone(),
        source,
    })?;
    let engine = Engine::new(&config.engine())?;
    let client = Client::new(config.outbound());
    client.set_listeners(vec![config.listen]);
    let parts = Parts {
        clock: Arc::new(MachineClock),
        entropy: Arc::new(SystemEntropy),
        disk: Arc::new(disk),
        spawner: Arc::new(TokioTasks(tokio::runtime::Handle::current())),
        egress: Arc::new(HttpEgress::new(client, metrics.clone())),
        compiler: Arc::new(ChildCompiler::new(config.compile_limits())),
    };
    tick(engine.clone())?;
    Runtime::open(parts, engine, config.settings())
        .map_err(|source| ServeError::Store { path, source })
}

/// Moves the engine's epoch on, from a thread of its own: guests may keep all others busy.
#[expect(
    clippy::disallowed_methods,
    reason = "the epoch follows the machine's time, and reaches no guest"
)]
fn tick(engine: Engine) -> std::io::Result<()> {
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            loop {
                std::thread::sleep(TICK);
                engine.tick();
            }
        })?;
    Ok(())
}

/// Accepts connections until a signal comes or the disk fails; gives whether it failed.
async fn accept(
    listener: TcpListener,
    routes: Router,
    runtime: &Runtime,
) -> Result<bool, ServeError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let connections = GracefulShutdown::new();
    let mut health = MachineClock.sleep_until(MachineClock.now().after(HEALTH));
    loop {
        tokio::select! {
            connection = listener.accept() => match connection {
                Ok((stream, _)) => {
                    // Answers are small, and each is waited for.
                    let _ = stream.set_nodelay(true);
                    serve_connection(TokioIo::new(stream), routes.clone(), &connections);
                }
                // Out of file descriptors, say. Connections that end will help.
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    MachineClock.sleep_until(MachineClock.now().after(HEALTH)).await;
                }
            },
            () = &mut health => {
                if runtime.has_failed() {
                    leave(connections, runtime).await;
                    return Ok(true);
                }
                health = MachineClock.sleep_until(MachineClock.now().after(HEALTH));
            }
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    drop(listener);
    tracing::info!("stopping");
    leave(connections, runtime).await;
    Ok(false)
}

fn serve_connection(
    stream: TokioIo<tokio::net::TcpStream>,
    routes: Router,
    connections: &GracefulShutdown,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN);
    builder.http2().timer(TokioTimer::new());
    let connection = builder
        .serve_connection(stream, TowerToHyperService::new(routes))
        .into_owned();
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error, "a connection ended badly");
        }
    });
}

async fn leave(connections: GracefulShutdown, runtime: &Runtime) {
    let gracefully = async {
        runtime.stop().await;
        connections.shutdown().await;
    };
    if tokio::time::timeout(LEAVE_WITHIN, gracefully)
        .await
        .is_err()
    {
        tracing::warn!("what was still under way is cut off");
    }
}
