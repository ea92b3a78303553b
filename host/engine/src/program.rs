//! A program: a component compiled and linked, ready to be run any number of times.

use std::fmt;
use std::sync::Arc;

use dormouse_journal::{GuestLimits, Payload};
use wasmtime::component::Component;

use crate::bindings::WorkflowPre;
use crate::config::WASM_STACK;
use crate::cpu::CpuClock;
use crate::engine::Engine;
use crate::instance::Instance;
use crate::limits::Allowance;
use crate::shared::{Guest, RunContext, Urls};

/// A compiled component, linked with the contract and WASI. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pre: WorkflowPre<Guest>,
}

impl Program {
    /// Links a component.
    pub(crate) fn link(engine: &Engine, component: &Component) -> Result<Self, LinkError> {
        let pre = engine
            .linker()
            .instantiate_pre(component)
            .map_err(|error| LinkError::Import(format!("{error:#}")))?;
        let pre = WorkflowPre::new(pre).map_err(|error| LinkError::Run(format!("{error:#}")))?;
        Ok(Program { pre })
    }

    /// A new instance for a run. It executes nothing before its first activation.
    ///
    /// # Errors
    /// When this engine cannot repeat what the run felt before.
    pub fn launch(&self, launch: Launch) -> Result<Instance, LaunchError> {
        let recorded = launch.limits.stack;
        if usize::try_from(recorded).ok() != Some(WASM_STACK) {
            return Err(LaunchError::Stack { recorded });
        }
        Ok(Instance::new(self.pre.clone(), launch))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

/// What an instance is made of.
pub struct Launch {
    /// Who the run is.
    pub context: RunContext,
    /// What it was started with.
    pub input: Payload,
    /// The key of its randomness.
    pub key: [u8; 32],
    /// The limits recorded when it was started.
    pub limits: GuestLimits,
    /// The limits of the host.
    pub allowance: Arc<Allowance>,
    /// Makes the URLs of its webhooks.
    pub urls: Arc<dyn Urls>,
    /// Measures it.
    pub cpu: Arc<dyn CpuClock>,
    /// The bytes that its log has so far, as [`Decision::logged`](crate::Decision::logged) told. 0 for a new run.
    pub logged: usize,
    /// For tests and simulation: ends each live activation at `finish` with
    /// [`Interruption::Rebuild`](crate::Interruption::Rebuild), to prove that the step left nothing behind.
    pub rebuild_after_step: bool,
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("context", &self.context)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why an instance cannot be made. It is trouble of the host: the run is blocked, and not failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchError {
    /// The run was started by a host whose guests have another stack.
    #[error(
        "the run was started with {recorded} bytes of Wasm stack, and this release of the host gives {WASM_STACK}; use \
         the release that started it"
    )]
    Stack {
        /// What the run's record says.
        recorded: u64,
    },
}

/// Why a component is not a workflow that this host can run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// An import is missing, or has another type.
    #[error("the component imports what this host does not give: {0}")]
    Import(String),
    /// The export `run` is missing, or has another type.
    #[error(
        "the component is not a workflow: {0}. It must export `run` as the world `dormouse:workflow/workflow` says"
    )]
    Run(String),
}
