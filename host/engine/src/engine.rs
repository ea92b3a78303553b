//! The engine: wasmtime, set up once, with the contract and WASI ready to be linked.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::Workflow;
use crate::config::{self, Config};
use crate::guest::Guest;
use crate::wasi;

/// Compiles components and runs them. Clones are cheap and share one engine.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Arc<Linker<Guest>>,
    fingerprint: Fingerprint,
}

impl Engine {
    /// Returns an engine with these settings. If the machine has no address space for the pool of instances, the engine
    /// does without a pool and logs a warning.
    ///
    /// # Errors
    /// If this machine cannot run Wasm at all.
    pub fn new(config: &Config) -> Result<Self, EngineError> {
        let wasmtime = start(config).map_err(EngineError)?;
        let linker = link(&wasmtime).map_err(EngineError)?;
        let fingerprint = Fingerprint::of(&wasmtime);
        Ok(Engine {
            wasmtime,
            linker: Arc::new(linker),
            fingerprint,
        })
    }

    /// Returns the fingerprint that an engine must have to run code that this one compiled.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Makes every guest that is executing check its processor time. It must be called every few milliseconds: without
    /// it, a guest that never yields is never interrupted.
    pub fn tick(&self) {
        self.wasmtime.increment_epoch();
    }

    /// Compiles a component to native code, which must then be sealed with [`seal`](crate::seal). The compiler cannot
    /// be interrupted, and a small component can keep it busy for long, so call this in a process whose time and memory
    /// are limited.
    ///
    /// # Errors
    /// If the bytes are not a valid component, or if it uses features of Wasm that this host does not run.
    pub fn precompile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.wasmtime
            .precompile_component(component)
            .map_err(|error| CompileError(format!("{error:#}")))
    }

    /// Compiles a module of code that programs share, under the same conditions.
    ///
    /// # Errors
    /// If the bytes are not a valid module, or if it uses features of Wasm that this host does not run.
    pub fn precompile_shared(&self, module: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.wasmtime
            .precompile_module(module)
            .map_err(|error| CompileError(format!("{error:#}")))
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.wasmtime
    }

    pub(crate) fn linker(&self) -> &Linker<Guest> {
        &self.linker
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// The error if no engine can be made, because this machine cannot run Wasm.
#[derive(Debug, thiserror::Error)]
#[error("the Wasm engine cannot be started on this machine: {0:#}")]
pub struct EngineError(wasmtime::Error);

/// The error if a component cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("the component cannot be compiled: {0}")]
pub struct CompileError(String);

/// The identity of what compiles and runs code: the version of wasmtime, the target and the settings.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    fn of(engine: &wasmtime::Engine) -> Self {
        let mut hasher = StableHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Fingerprint(hasher.0.finalize().into())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A hasher whose results never change. Those of the standard library's hashers may change with a release of Rust, and
/// fingerprints are kept on disk.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest: [u8; 32] = self.0.clone().finalize().into();
        digest
            .iter()
            .take(8)
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }
}

fn start(config: &Config) -> wasmtime::Result<wasmtime::Engine> {
    if config.slots > 0 {
        match wasmtime::Engine::new(&config::with_pool(config::semantics(), config.slots)) {
            Ok(engine) => return Ok(engine),
            Err(error) => tracing::warn!(
                slots = config.slots,
                error = format!("{error:#}"),
                "this process has too little address space for a pool of instances, so each instance is allocated when it \
                 is made, which is slower; lower the setting `instances`, or raise the limit on address space (ulimit -v)"
            ),
        }
    }
    wasmtime::Engine::new(&config::semantics())
}

fn link(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Workflow::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    wasi::add_to_linker(&mut linker)?;
    Ok(linker)
}
