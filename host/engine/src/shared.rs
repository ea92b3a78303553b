//! What the driver of a guest and the functions that the guest calls have in common.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_journal::{Cursor, Generator, Header, Level, RunId, Time, VersionId, WebhookNumber};
use wasmtime::UpdateDeadline;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::WasiFilesystemCtx;
use wasmtime_wasi::sockets::WasiSocketsCtx;

use crate::answers::Answers;
use crate::cpu::Meter;
use crate::decision::Effect;
use crate::failure::Stop;
use crate::limits::{Allowance, Limiter, MemoryUse, Setting};
use crate::log::{Log, Stream};
use crate::program::Launch;
use crate::wait::Waits;

/// Who a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunContext {
    /// Its id.
    pub id: RunId,
    /// The name of its workflow.
    pub workflow: String,
    /// The version that it runs.
    pub version: VersionId,
    /// When it was started.
    pub started: Time,
    /// The headers of the request that started it, without credentials.
    pub headers: Vec<Header>,
}

/// Makes the URLs of webhooks.
pub trait Urls: Send + Sync {
    /// The URL of a webhook. It is asked for once, when the webhook is created, and recorded.
    fn url(&self, run: RunId, webhook: WebhookNumber) -> String;
}

/// What belongs to one store.
pub(crate) struct Guest {
    pub shared: Arc<Shared>,
    pub limiter: Limiter,
    /// WASI's streams and pollables.
    pub table: ResourceTable,
    /// No folders.
    pub files: WasiFilesystemCtx,
    /// No permissions.
    pub sockets: WasiSocketsCtx,
}

/// The state of an instance, reached from its driver, from host functions and from futures that are dropped. They all
/// run on the thread that polls, one after the other, so the lock is never waited for.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub memory: Arc<MemoryUse>,
}

impl Shared {
    pub(crate) fn new(launch: Launch) -> Self {
        Shared {
            state: Mutex::new(State::new(launch)),
            memory: Arc::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left the state as it was between two assignments, none of which depend on
        // each other; and whoever panicked takes its instance with it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Shared`].
pub(crate) struct State {
    pub run: RunContext,
    pub allowance: Arc<Allowance>,
    pub urls: Arc<dyn Urls>,
    pub cursor: Cursor,
    pub random: Generator,
    /// How many webhooks were created.
    pub webhooks: u32,
    pub answers: Answers,
    pub waits: Waits,
    /// What new operations of the open activation ask of the host.
    pub effects: Vec<Effect>,
    /// Bytes of the new values that the open activation has handed to the host.
    pub volume: usize,
    pub log: Log,
    pub meter: Meter,
    /// What happened where no error could be returned: in the drop of a future.
    pub fault: Option<Stop>,
    /// The guest is being torn down. The futures that are dropped now are not given up by it.
    pub closed: bool,
    pub rebuild_after_step: bool,
}

impl State {
    fn new(launch: Launch) -> Self {
        State {
            run: launch.context,
            urls: launch.urls,
            cursor: Cursor::new(),
            random: Generator::new(launch.key),
            webhooks: 0,
            answers: Answers::default(),
            waits: Waits::default(),
            effects: Vec::new(),
            volume: 0,
            log: Log::new(launch.allowance.log, launch.logged),
            meter: Meter::new(launch.cpu, launch.allowance.cpu),
            allowance: launch.allowance,
            fault: None,
            closed: false,
            rebuild_after_step: launch.rebuild_after_step,
        }
    }

    /// Logs a line, unless it was logged before.
    pub(crate) fn log(&mut self, level: Level, message: &str) {
        self.log.hear(level, message);
        let time = self.cursor.time();
        if self.cursor.is_live() && self.log.keep(time, level, message) {
            self.cursor.log_line();
        }
    }

    /// Takes what the guest wrote to standard output or error.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        for line in self.log.write(stream, bytes) {
            self.log(stream.level(), &line);
        }
    }

    /// Logs what was written without a line's end.
    pub(crate) fn flush_streams(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            if let Some(line) = self.log.flush(stream) {
                self.log(stream.level(), &line);
            }
        }
    }

    /// What a guest that is executing is to do when the engine ticks.
    pub(crate) fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if !self.meter.is_measuring() {
            self.meter.measure();
            return Ok(UpdateDeadline::Continue(1));
        }
        if let Some(stop) = self.out_of_cpu() {
            return Err(stop.into());
        }
        Ok(if self.meter.should_give_way() {
            UpdateDeadline::Yield(1)
        } else {
            UpdateDeadline::Continue(1)
        })
    }

    /// Why the guest may not execute any longer in this activation, if it may not.
    pub(crate) fn out_of_cpu(&self) -> Option<Stop> {
        self.meter.is_used_up(self.cursor.is_live()).then(|| {
            Stop::Cpu(format!(
                "the workflow computed for longer than the {:?} of CPU time that it may take until it waits; compute \
                 less at a time, or raise the host's setting `{}`",
                self.allowance.cpu,
                Setting::Cpu
            ))
        })
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("run", &self.lock().run.id)
            .finish_non_exhaustive()
    }
}
