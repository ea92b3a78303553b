//! Programs: components ready to be launched, by version.
//!
//! A version is loaded at most once at a time, however many of its runs wake together. Its compiled code comes from
//! the store and is used only if the engine's seal fits. Otherwise the component is compiled again and the new code is
//! stored.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use dormouse_engine::{CodeRejected, Engine, Program, SharedCode};
use dormouse_journal::VersionId;
use dormouse_store::{Store, WriteError};
use tokio::sync::Semaphore;

use crate::compile_error::CompileError;
use crate::shared_code::SharedCodes;
use crate::slots::Slots;
use crate::{BuiltComponent, CompileFailure, Compiler, Unavailable};

/// The largest number of programs in memory. The code of a small program takes about 0.3 MB. A host with more live
/// versions loads some of them again, which takes a third of a millisecond.
const HELD: usize = 256;

/// The largest number of components that are compiled at once without a run that waits for them: uploads, and
/// components whose code an update of the host made stale. The compiler takes more at once, so that a run that wakes
/// never waits for them.
const BACKGROUND_COMPILERS: usize = 2;

/// Why the program of a run is not available.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NoProgram {
    /// The store does not have the component.
    #[error(
        "the component of version {0} is missing from the store: deploy these bytes again, and resume the run"
    )]
    Missing(VersionId),
    /// The component cannot be compiled or linked by this host.
    #[error("the component of version {version} cannot be used by this host: {reason}")]
    Unusable {
        /// The version.
        version: VersionId,
        /// The reason.
        reason: String,
    },
    /// The host's compiler could not be run. This may pass.
    #[error("{0}")]
    NoCompiler(String),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl NoProgram {
    fn of(version: VersionId, error: &CompileError) -> Self {
        let reason = error.to_string();
        match error {
            CompileError::NotCompiled(CompileFailure::Host { .. }) => NoProgram::NoCompiler(reason),
            CompileError::Unavailable(unavailable) => NoProgram::Unavailable(unavailable.clone()),
            CompileError::NotCompiled(_) | CompileError::NotLinked(_) => {
                NoProgram::Unusable { version, reason }
            }
        }
    }
}

/// The programs of a host.
pub(crate) struct Programs {
    engine: Engine,
    store: Arc<dyn Store>,
    compiler: Arc<dyn Compiler>,
    shared: SharedCodes,
    held: Mutex<CachedPrograms>,
    unhurried: Semaphore,
}

#[derive(Default)]
struct CachedPrograms {
    slots: HashMap<VersionId, (u64, Slot)>,
    uses: u64,
}

type Slot = Arc<tokio::sync::Mutex<Option<Program>>>;

impl Programs {
    pub(crate) fn new(engine: Engine, store: Arc<dyn Store>, compiler: Arc<dyn Compiler>) -> Self {
        Programs {
            shared: SharedCodes::new(engine.clone(), store.clone(), compiler.clone()),
            engine,
            store,
            compiler,
            held: Mutex::default(),
            unhurried: Semaphore::new(BACKGROUND_COMPILERS),
        }
    }

    /// Returns the program of a version.
    pub(crate) async fn get(&self, version: VersionId) -> Result<Program, NoProgram> {
        let slot = self.slot(version);
        let mut slot = slot.lock().await;
        if let Some(program) = &*slot {
            return Ok(program.clone());
        }
        let program = self.load(version).await?;
        *slot = Some(program.clone());
        Ok(program)
    }

    /// Compiles a component and links it. Also returns its sealed code.
    pub(crate) async fn compile(
        &self,
        version: VersionId,
        component: Bytes,
    ) -> Result<(Program, Bytes), CompileError> {
        let divided = self.shared.divide(&component).await?;
        let (shared, rest) = match divided {
            Some((shared, rest)) => (Some(shared), rest),
            None => (None, component),
        };
        let code = self.compiler.compile(rest).await?;
        let key = self.store.code_key();
        let sealed = Bytes::from(dormouse_engine::seal(
            &key,
            self.engine.fingerprint(),
            version,
            shared.as_ref().map(SharedCode::id),
            &code,
        ));
        let opened = dormouse_engine::open(&self.engine, &key, version, &sealed, shared.as_ref());
        let program = opened.map_err(|refused| CompileError::NotLinked(refused.to_string()))?;
        Ok((program, sealed))
    }

    /// Opens sealed code. None if the code cannot be used.
    async fn open(
        &self,
        version: VersionId,
        sealed: &[u8],
    ) -> Result<Result<Program, CodeRejected>, Unavailable> {
        let shared = match dormouse_engine::shared_by(sealed) {
            Some(id) => self.shared.find(id).await?,
            None => None,
        };
        let key = self.store.code_key();
        Ok(dormouse_engine::open(
            &self.engine,
            &key,
            version,
            sealed,
            shared.as_ref(),
        ))
    }

    /// Compiles an upload. Only a few uploads are compiled at once.
    pub(crate) async fn compile_upload(
        &self,
        version: VersionId,
        component: Bytes,
    ) -> Result<(Program, Bytes), CompileError> {
        // The semaphore is never closed.
        let _turn = self.unhurried.acquire().await;
        self.compile(version, component).await
    }

    /// Makes a component from a workflow that is written in JavaScript. Only a few are made at once.
    pub(crate) async fn build_component(
        &self,
        script: Bytes,
    ) -> Result<BuiltComponent, CompileError> {
        let code = self.compiler.script_code();
        let code = code.ok_or_else(CompileFailure::no_scripts)?;
        // The semaphore is never closed.
        let _turn = self.unhurried.acquire().await;
        let handed = self.shared.handed(&code).await?;
        Ok(self.compiler.build_component(script, handed).await?)
    }

    /// Keeps a program that was just made in memory.
    pub(crate) async fn hold(&self, version: VersionId, program: Program) {
        *self.slot(version).lock().await = Some(program);
    }

    /// Keeps the program of this sealed code in memory, if the version has none there.
    pub(crate) async fn hold_code(&self, version: VersionId, sealed: &Bytes) {
        let slot = self.slot(version);
        let mut slot = slot.lock().await;
        if slot.is_none()
            && let Ok(Ok(program)) = self.open(version, sealed).await
        {
            *slot = Some(program);
        }
    }

    /// Returns the compiled code of a version from the store, if this host can use it.
    pub(crate) async fn compiled(&self, version: VersionId) -> Result<Option<Bytes>, Unavailable> {
        let Some(sealed) = self.store.code(version).await? else {
            return Ok(None);
        };
        let opened = self.open(version, &sealed).await?;
        Ok(opened.is_ok().then_some(sealed))
    }

    async fn load(&self, version: VersionId) -> Result<Program, NoProgram> {
        let sealed = self.store.code(version).await.map_err(Unavailable::from)?;
        if let Some(sealed) = sealed {
            match self.open(version, &sealed).await? {
                Ok(program) => return Ok(program),
                Err(refused) => {
                    tracing::info!(%version, %refused, "stored code of a component cannot be used, and is compiled again");
                }
            }
        }
        let component = self.store.component(version).await;
        let component = component.map_err(Unavailable::from)?;
        let component = component.ok_or(NoProgram::Missing(version))?;
        let (program, sealed) = self
            .compile(version, component)
            .await
            .map_err(|error| NoProgram::of(version, &error))?;
        match self.store.keep_code(version, sealed).await {
            // The code is a cache. A full disk is no reason not to run.
            Ok(()) | Err(WriteError::Full) => Ok(program),
            Err(error) => Err(NoProgram::Unavailable(error.into())),
        }
    }

    fn slot(&self, version: VersionId) -> Slot {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.uses += 1;
        let now = held.uses;
        if held.slots.len() >= HELD && !held.slots.contains_key(&version) {
            let oldest = held
                .slots
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(version, _)| *version);
            oldest.and_then(|oldest| held.slots.remove(&oldest));
        }
        let (used, slot) = held.slots.entry(version).or_default();
        *used = now;
        slot.clone()
    }
}

impl Programs {
    /// Compiles the components whose stored code no longer fits, as after an update of the host, so that no run has to
    /// wait for it. A run that wakes meanwhile does not wait for its turn here: it compiles what it needs itself.
    pub(crate) async fn refresh(&self, slots: &Slots) {
        let workflows = match self.store.workflows().await {
            Ok(workflows) => workflows,
            Err(error) => {
                return tracing::warn!(%error, "the store could not list the workflows, so their components are compiled when they are first used");
            }
        };
        let mut seen = HashSet::new();
        let newest_first = workflows
            .iter()
            .flat_map(|(_, workflow)| workflow.versions.iter().rev());
        for version in newest_first.map(|version| version.id) {
            if slots.is_stopping() {
                return;
            }
            if seen.insert(version) && matches!(self.compiled(version).await, Ok(None)) {
                let _turn = self.unhurried.acquire().await;
                if let Err(error) = self.get(version).await {
                    tracing::warn!(%version, %error, "a component could not be compiled for this host");
                }
            }
        }
    }
}
