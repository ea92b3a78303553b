//! Code of workflows, for commands that run it without a host.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use dormouse_cli::{CliError, Environment};
use dormouse_component::divide::divide;
use dormouse_engine::{Engine, Program, SharedCode, open, seal};
use dormouse_journal::VersionId;
use dormouse_runtime::ScriptCode;
use dormouse_seams::Clock as _;

use crate::machine::{MachineClock, script};

/// How often guests are interrupted, so that a guest that computes for ever is noticed.
const TICK: Duration = Duration::from_millis(10);

/// Reads code from files. The code that workflows in JavaScript share is compiled only once.
pub(super) struct Reader {
    engine: Engine,
    scripts: OnceCell<Scripts>,
}

/// The compiled code that workflows in JavaScript share.
pub(super) struct Scripts {
    pub(super) code: ScriptCode,
    pub(super) native: Vec<u8>,
    shared: SharedCode,
}

impl Reader {
    pub(super) fn new(engine: Engine) -> Self {
        Reader {
            engine,
            scripts: OnceCell::new(),
        }
    }

    /// Reads the code in a file: a component, or a file that can become one.
    pub(super) fn read(&self, file: &Path, environment: &Environment) -> Result<Vec<u8>, CliError> {
        let refused = |error: &dyn std::fmt::Display| {
            CliError::Usage(format!("{} is not a workflow: {error}", file.display()))
        };
        let mut component = environment.read_component(file)?;
        if dormouse_component::is_script(&component) {
            let shared = &self.scripts()?.shared;
            let made = script::component(&self.engine, shared, &component);
            component = made.map_err(|error| refused(&error))?.component;
        }
        let prepared = dormouse_component::prepare(&component).map_err(|error| refused(&error))?;
        Ok(match prepared.wrapped {
            true => prepared.component,
            false => component,
        })
    }

    /// Compiles a component.
    pub(super) fn program(&self, component: &[u8]) -> Result<Program, CliError> {
        let version = VersionId::of(component);
        let shared = self.scripts.get().map(|scripts| &scripts.shared);
        let divided = shared.and_then(|_| divide(component));
        let shared = shared.filter(|_| divided.is_some());
        let component = divided.as_ref().map_or(component, |divided| &divided.rest);
        let code = self
            .engine
            .precompile(component)
            .map_err(|error| unusable(&error))?;
        let (key, fingerprint) = (key()?, self.engine.fingerprint());
        let id = shared.map(SharedCode::id);
        let sealed = seal(&key, fingerprint, version, id, &code);
        open(&self.engine, &key, version, &sealed, shared).map_err(|error| unusable(&error))
    }

    /// Returns the code that workflows in JavaScript share, if a workflow in JavaScript was read.
    pub(super) fn into_scripts(self) -> Option<Scripts> {
        self.scripts.into_inner()
    }

    fn scripts(&self) -> Result<&Scripts, CliError> {
        if self.scripts.get().is_none() {
            let compiled = Scripts::compile(&self.engine)?;
            let _ = self.scripts.set(compiled);
        }
        self.scripts
            .get()
            .ok_or_else(|| unusable(&"the JavaScript runtime is missing"))
    }
}

impl Scripts {
    fn compile(engine: &Engine) -> Result<Self, CliError> {
        let code = script::code().ok_or_else(|| unusable(&script::MISSING))?;
        let native = engine.precompile_shared(&code.module);
        let native = native.map_err(|error| unusable(&error))?;
        let key = key()?;
        let sealed = seal(&key, engine.fingerprint(), code.id, None, &native);
        let shared = SharedCode::open(engine, &key, code.id, &sealed);
        let shared = shared.map_err(|error| unusable(&error))?;
        Ok(Scripts {
            code,
            native,
            shared,
        })
    }
}

fn unusable(error: &dyn std::fmt::Display) -> CliError {
    CliError::Usage(error.to_string())
}

/// Returns a key for a seal. Nobody keeps it: the seal only shows that the code is the engine's
/// own.
fn key() -> Result<[u8; 32], CliError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(CliError::NoRandomness)?;
    Ok(key)
}

/// Returns the processor time of the calling thread.
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
            // The thread cannot panic, and nothing could be done about it.
            let _ = thread.join();
        }
    }
}
