//! Code of workflows, for commands that run it without a host.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use dormouse_cli::{CliError, Environment};
use dormouse_engine::Engine;
use dormouse_seams::Clock as _;

use crate::machine::{MachineClock, script};

/// How often guests are interrupted, so that one that computes for ever is noticed.
const TICK: Duration = Duration::from_millis(10);

/// Reads the code in a file: a component, or what becomes one.
pub(super) fn read(file: &Path, environment: &Environment) -> Result<Vec<u8>, CliError> {
    let refused = |error: &dyn std::fmt::Display| {
        CliError::Usage(format!("{} is no workflow: {error}", file.display()))
    };
    let mut component = environment.read_component(file)?;
    if dormouse_component::is_script(&component) {
        component = script::component(&component).map_err(|error| refused(&error))?;
    }
    let prepared = dormouse_component::prepare(&component).map_err(|error| refused(&error))?;
    Ok(match prepared.wrapped {
        true => prepared.component,
        false => component,
    })
}

/// The processor time of the calling thread.
pub(super) fn thread_time() -> Duration {
    MachineClock.thread_time()
}

/// Interrupts guests until it is dropped.
pub(super) struct Ticks {
    end: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticks {
    pub(super) fn start(engine: Engine) -> Result<Self, CliError> {
        let (end, ended) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("epoch".into())
            .spawn(move || {
                while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    engine.tick();
                }
            })?;
        Ok(Ticks {
            end: Some(end),
            thread: Some(thread),
        })
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // It cannot panic, and there is nothing to be done if it did.
            let _ = thread.join();
        }
    }
}
