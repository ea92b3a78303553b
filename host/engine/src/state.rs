//! The state of an instance, which its driver and the functions that the guest calls share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dormouse_journal::{Beginning, Cursor, Failure, Generator, Level, NextGeneration};
use dormouse_limits::{Grant, Limits};
use dormouse_webhook::provider::Providers;
use wasmtime::UpdateDeadline;

use crate::answers::Answers;
use crate::cpu::Meter;
use crate::decision::Effect;
use crate::earlier::Numbers;
use crate::instance_parts::{InstanceParts, RunContext, Turns, Urls};
use crate::labels::RunLabels;
use crate::limits::size;
use crate::log::{Log, Stream};
use crate::memory::MemoryUse;
use crate::stop::Stop;
use crate::waits::Waits;

/// The state of an instance, which its driver, the host functions and the futures of its operations share. All of them
/// run on the polling thread, one after the other, so nobody ever waits for the lock.
pub(crate) struct Shared {
    state: Mutex<State>,
    pub memory: Arc<MemoryUse>,
    pub turns: Arc<dyn Turns>,
}

impl Shared {
    pub(crate) fn new(parts: InstanceParts) -> Self {
        Shared {
            turns: parts.turns.clone(),
            state: Mutex::new(State::new(parts)),
            memory: Arc::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left the state between two assignments that do not depend on each other.
        // Besides, the panicking task drops its instance.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The data that [`Shared`] protects.
pub(crate) struct State {
    pub run: RunContext,
    pub host_limits: Arc<Limits>,
    pub urls: Arc<dyn Urls>,
    pub providers: Providers,
    pub cursor: Cursor,
    pub random: Generator,
    /// The beginning of the generation.
    pub beginning: Beginning,
    pub webhooks: Numbers,
    pub answers: Answers,
    pub waits: Waits,
    /// The effects of new operations in the open activation.
    pub effects: Vec<Effect>,
    /// The size of the new values that the guest has passed to the host in the open activation, in bytes.
    pub volume: usize,
    /// The size of the new operations of the open activation, in bytes.
    pub made: usize,
    /// The size of the recorded activations that are in memory, in bytes.
    pub records: usize,
    /// The memory for what the host keeps of the guest besides its memories and tables. See `held.rs`.
    pub held: Grant,
    /// The memory that is reserved for the guest, until it has an instance.
    memory_reserved: Grant,
    pub log: Log,
    pub labels: RunLabels,
    pub meter: Meter,
    /// The reason to stop the guest, if no error could be returned to it because it dropped a future.
    pub fault: Option<Stop>,
    /// True once the guest is being torn down. A future that is dropped from then on was not dropped by the guest.
    pub closed: bool,
    /// True once the run has ended without returning a result or an error.
    pub broke: bool,
    /// The next generation, once the guest has ended the present one.
    pub next: Option<Box<NextGeneration>>,
    pub rebuild_after_step: bool,
    /// The shift of the first activation. It gives the wall time at which the run was started.
    pub first_shift: i64,
}

impl State {
    fn new(parts: InstanceParts) -> Self {
        State {
            run: parts.context,
            urls: parts.urls,
            providers: parts.providers,
            cursor: Cursor::starting_at(parts.beginning.first_operation),
            random: Generator::new(parts.key),
            webhooks: Numbers::new(parts.beginning.first_webhook, parts.earlier),
            answers: Answers::of(&parts.beginning.kept),
            waits: Waits::new(parts.beginning.cancel_asked),
            beginning: parts.beginning,
            effects: Vec::new(),
            volume: 0,
            made: 0,
            records: 0,
            held: parts.held,
            memory_reserved: parts.memory,
            log: Log::new(size(parts.host_limits.log), parts.logged),
            labels: RunLabels::new(parts.labels),
            meter: Meter::new(parts.cpu, Duration::from_millis(parts.host_limits.cpu)),
            host_limits: parts.host_limits,
            fault: None,
            closed: false,
            broke: false,
            next: None,
            rebuild_after_step: parts.rebuild_after_step,
            first_shift: 0,
        }
    }

    /// Returns the memory that is reserved for the guest.
    pub(crate) fn take_memory(&mut self) -> Grant {
        let none = self.memory_reserved.another();
        std::mem::replace(&mut self.memory_reserved, none)
    }

    /// Logs a line, unless this is a replay and the line was logged before.
    pub(crate) fn log(&mut self, level: Level, message: &str) {
        self.log.hear(level, message);
        let time = self.cursor.now().wall();
        if self.cursor.is_live() && self.log.keep(time, level, message) {
            self.cursor.log_line();
        }
    }

    /// Sets a label of the run, unless this is a replay and it was set before.
    pub(crate) fn set_label(&mut self, text: &str) -> Result<(), Failure> {
        self.labels.set(text, self.cursor.is_live())
    }

    /// Adds what the guest wrote to standard output or standard error, and logs the lines that are complete.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) {
        for line in self.log.write(stream, bytes) {
            self.log(stream.level(), &line);
        }
    }

    /// Logs what the guest wrote to its standard streams without an end of line.
    pub(crate) fn flush_streams(&mut self) {
        for stream in [Stream::Out, Stream::Err] {
            if let Some(line) = self.log.flush(stream) {
                self.log(stream.level(), &line);
            }
        }
    }

    /// Decides at the engine's tick whether the guest that is executing goes on, gives way to others, or is stopped.
    pub(crate) fn on_tick(&mut self) -> wasmtime::Result<UpdateDeadline> {
        if !self.meter.is_measuring() {
            self.meter.measure();
            return Ok(UpdateDeadline::Continue(1));
        }
        if let Some(stop) = self.out_of_cpu() {
            return Err(stop.into());
        }
        Ok(if self.meter.preempts() {
            UpdateDeadline::Yield(1)
        } else {
            UpdateDeadline::Continue(1)
        })
    }

    /// Returns the reason why the guest may not execute any longer in this activation. None if it may.
    pub(crate) fn out_of_cpu(&self) -> Option<Stop> {
        self.meter.is_used_up(self.cursor.is_live()).then(|| {
            Stop::Cpu(format!(
                "the workflow computed for longer than the {:?} of CPU time that it may take until it waits; compute \
                 less at a time, or raise the host's setting `{}`",
                Duration::from_millis(self.host_limits.cpu),
                dormouse_limits::CPU
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
