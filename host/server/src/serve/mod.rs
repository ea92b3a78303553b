//! `dormouse serve`: builds the host from the real machine, listens, and stops in an orderly way.
//!
//! Stopping takes at most [`LEAVE_WITHIN`]: no new connections and no new work are accepted, activations under way are
//! committed or discarded, and answers under way are finished. Whatever is not done by then is cut off. The next start
//! handles that like a crash.

mod activity;
mod capacity;
mod connection;
mod listener;
mod unused;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dormouse_config::{Config, UnsafePermissions};
use dormouse_engine::Engine;
use dormouse_outbound::Client;
use dormouse_runtime::{Parts, Runtime};
use dormouse_store::{OpenError, Pausable, WriteError};
use dormouse_store_redb::{FileDisk, RedbStore};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

use crate::api;
use crate::health::{Health, Sources};
use crate::ingress::client::TrustedProxies;
use crate::ingress::{self, Ingress, Rejections};
use crate::log::Lines;
use crate::machine::compiler::CompilerHistory;
use crate::machine::{
    ChildCompiler, HttpEgress, MachineClock, SystemEntropy, TokioTasks, available_memory,
    raise_open_files, read_ahead,
};
use crate::metrics::Metrics;
use crate::request::body_memory::BodyBudget;
use crate::settings;
use capacity::DoesNotFit;
use connection::Connections;
use listener::{Places, accept};

/// The time from the signal to the end of all work under way. The sender of the signal kills after some time, at least
/// 10 s.
const LEAVE_WITHIN: Duration = Duration::from_millis(4_200);

/// The time for tasks that do not end even when they are cut off.
pub(crate) const CUT_OFF_WITHIN: Duration = Duration::from_millis(100);

// This is promised to operators: the host stops within 5 seconds, including the end of its log.
const _: () = assert!(LEAVE_WITHIN.as_millis() + CUT_OFF_WITHIN.as_millis() < 5_000);

/// The time between ticks of the engine's epoch. A computing guest gives way, and is measured, this often.
const TICK: Duration = Duration::from_millis(5);

/// Milliseconds between checks whether the disk has failed.
const HEALTH: u64 = 200;

/// The reason why the host could not serve, or stopped serving.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The host cannot listen on the address.
    #[error("cannot listen on {address}: {source}{}", what_to_do(source))]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: std::io::Error,
    },
    /// Other users can open the data directory.
    #[error("{0}")]
    Permissions(UnsafePermissions),
    /// The process cannot be prevented from writing core dumps, which would contain the keys of secrets.
    #[error(
        "the system does not let this process forbid core dumps, which would hold the keys of secrets: {0}"
    )]
    Dumps(std::io::Error),
    /// The store cannot be opened.
    #[error("{path:?}: {source}")]
    Store {
        /// The directory.
        path: std::path::PathBuf,
        /// The reason.
        source: OpenError,
    },
    /// The host cannot be paused, so it does not start.
    #[error("the host cannot be paused, and does not start: {0}")]
    Pause(WriteError),
    /// The reserve that was given is larger than the disk allows.
    #[error(transparent)]
    Reserve(#[from] settings::UnfitReserve),
    /// The engine cannot be made.
    #[error("the engine cannot be started: {0}")]
    Engine(#[from] dormouse_engine::EngineError),
    /// The limits do not fit this machine.
    #[error(transparent)]
    Capacity(#[from] DoesNotFit),
    /// The machine lacks something that a server needs.
    #[error("{0}")]
    Machine(#[from] std::io::Error),
    /// The disk failed while the host ran.
    #[error(
        "the disk failed, and the host stopped: what was acknowledged is safe; see the log for the cause"
    )]
    DiskFailed,
}

/// Returns what to do about an address on which the host cannot listen, if that is known.
fn what_to_do(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; another program listens there, perhaps another host: stop it, or give another address with --listen or \
             --hooks-listen"
        }
        _ => "",
    }
}

/// Serves until a signal comes or the disk fails.
///
/// # Errors
/// When the host cannot start, or the disk failed.
pub async fn serve(config: Config, log: Lines) -> Result<(), ServeError> {
    let everything = bind(config.listen).await?;
    let hooks = match config.hooks_listen {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    let address = everything.local_addr()?;
    let hooks_address = hooks.as_ref().map(TcpListener::local_addr).transpose()?;
    let mut config = config.bound(address, hooks_address);
    capacity::fit(&mut config.limits, available_memory())?;
    raise_open_files(config.limits.connections as usize);

    let metrics = Metrics::new(log.clone());
    let Opened {
        runtime,
        store,
        compiler,
    } = open(&config, &metrics).await?;
    let health = Health::new(
        runtime.clone(),
        Sources {
            log,
            compiler,
            store: Some(store.clone()),
        },
    );
    tokio::spawn(health.clone().watch());
    let end = End::new()?;
    let connections = Connections::new(&config.limits, runtime.memory().clone(), metrics.clone());
    let mut listeners = JoinSet::new();
    let rejections = Rejections::default();
    let trusted = Arc::new(TrustedProxies::new(config.trusted_proxies.clone()));
    let ingress = Ingress {
        runtime: runtime.clone(),
        metrics: metrics.clone(),
        rejections: rejections.clone(),
        body_budget: BodyBudget::new(runtime.memory().clone(), config.limits.connections),
        trusted: trusted.clone(),
    };
    let places = || Places::new(config.limits.connections as usize, trusted.clone());
    if let Some(listener) = hooks {
        let routes = ingress::routes_alone(ingress.clone());
        listeners.spawn(accept(listener, routes, places(), connections.listener()));
    }
    let api = api::router(
        runtime.clone(),
        Arc::new(store),
        &config,
        metrics,
        health,
        rejections,
    );
    let routes = api.merge(ingress::routes(ingress));
    listeners.spawn(accept(everything, routes, places(), connections.listener()));
    log_addresses(&config);

    let failed = end.wait(&runtime).await;
    listeners.shutdown().await;
    leave(connections, &runtime).await;
    if failed {
        Err(ServeError::DiskFailed)
    } else {
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })
}

fn log_addresses(config: &Config) {
    let public_url = &config.public_url;
    tracing::info!(address = %config.listen, public_url, "listening for requests to the API, webhooks and triggers");
    if let Some(address) = config.hooks_listen {
        tracing::info!(%address, "listening for requests to webhooks and triggers only");
    }
}

/// The parts of an opened host.
struct Opened {
    runtime: Runtime,
    store: RedbStore,
    compiler: CompilerHistory,
}

async fn open(config: &Config, metrics: &Metrics) -> Result<Opened, ServeError> {
    let path = config.data_dir.clone();
    let unusable = |source: OpenError| ServeError::Store {
        path: path.clone(),
        source,
    };
    // The directory is locked before anything in it is made, read or renamed.
    let disk = FileDisk::new(&path).map_err(&unusable)?;
    check_private(&path, config.allow_open_files)?;
    if config.verify_store {
        read_ahead(disk.path())?;
    }
    let engine = Engine::new(&settings::engine(config))?;
    let client = Client::new(settings::outbound(config));
    client.set_listeners(
        [config.listen]
            .into_iter()
            .chain(config.hooks_listen)
            .collect(),
    );
    let spawner = Arc::new(TokioTasks::new(tokio::runtime::Handle::current())?);
    let options = settings::store(config, disk.capacity()?)?;
    let clock = Arc::new(MachineClock);
    let store = RedbStore::open(
        Arc::new(disk),
        clock,
        &SystemEntropy,
        spawner.clone(),
        options,
    );
    let store = store.await.map_err(&unusable)?;
    if config.paused {
        let paused = store.store().pause(Pausable::Host).await;
        paused.map_err(ServeError::Pause)?;
        tracing::warn!("the host starts paused; `dormouse resume --host` has it go on");
    }
    let compiler = ChildCompiler::new(settings::compiler(config));
    let history = compiler.history();
    let parts = Parts {
        store: store.store(),
        entropy: Arc::new(SystemEntropy),
        spawner,
        egress: Arc::new(HttpEgress::new(client, metrics.clone())),
        compiler: Arc::new(compiler),
    };
    tick(engine.clone())?;
    let runtime = Runtime::open(parts, engine, settings::runtime(config)).await;
    let runtime = runtime.map_err(|error| unusable(error.into()))?;
    Ok(Opened {
        runtime,
        store,
        compiler: history,
    })
}

/// Refuses a data directory that other users can open, or warns about it.
fn check_private(path: &Path, is_allowed: bool) -> Result<(), ServeError> {
    match UnsafePermissions::check("the data directory", path, &std::fs::metadata(path)?) {
        None => Ok(()),
        Some(open) if is_allowed => {
            tracing::warn!("{open}");
            Ok(())
        }
        Some(open) => Err(ServeError::Permissions(open)),
    }
}

/// Advances the engine's epoch from a thread of its own, because guests may keep all other threads busy.
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

/// The events that end the host.
struct End {
    terminate: Signal,
    interrupt: Signal,
}

impl End {
    fn new() -> std::io::Result<Self> {
        Ok(End {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for a signal, or for the disk to fail. Returns true if the disk failed.
    async fn wait(mut self, runtime: &Runtime) -> bool {
        loop {
            tokio::select! {
                () = MachineClock.pause(HEALTH) => {
                    if runtime.has_failed() {
                        return true;
                    }
                }
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        tracing::info!("the host is stopping");
        false
    }
}

async fn leave(connections: Connections, runtime: &Runtime) {
    let gracefully = async {
        runtime.stop().await;
        connections.end().await;
    };
    if tokio::time::timeout(LEAVE_WITHIN, gracefully)
        .await
        .is_err()
    {
        tracing::warn!(
            "the time to stop is over; requests and activations that are still under way are cut off"
        );
    }
}
