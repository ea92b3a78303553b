//! A program: a compiled and linked component, from which any number of instances can be made.

use std::fmt;

use wasmtime::Module;
use wasmtime::component::Component;

use crate::bindings::WorkflowPre;
use crate::config::WASM_STACK;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::instance::Instance;
use crate::instance_parts::InstanceParts;

/// The name under which a component imports the code that it shares with other components.
pub const SHARED_CODE: &str = "dormouse-code";

/// A compiled component, linked with the contract and WASI. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pre: WorkflowPre<Guest>,
}

impl Program {
    /// Links a compiled component with the code that it shares with other components.
    pub(crate) fn link(
        engine: &Engine,
        component: &Component,
        shared: Option<&Module>,
    ) -> Result<Self, LinkError> {
        let refused = |error: wasmtime::Error| LinkError::Import(format!("{error:#}"));
        let pre = match shared {
            None => engine.linker().instantiate_pre(component),
            Some(shared) => {
                let mut linker = engine.linker().clone();
                linker.root().module(SHARED_CODE, shared).map_err(refused)?;
                linker.instantiate_pre(component)
            }
        };
        let pre = pre.map_err(refused)?;
        let pre = WorkflowPre::new(pre).map_err(|error| LinkError::Run(format!("{error:#}")))?;
        Ok(Program { pre })
    }

    /// Makes a new instance for a run. It executes nothing before its first activation.
    ///
    /// # Errors
    /// If the run was started under limits that this engine cannot give it again.
    pub fn launch(&self, parts: InstanceParts) -> Result<Instance, LaunchError> {
        let recorded = parts.limits.stack;
        if usize::try_from(recorded).ok() != Some(WASM_STACK) {
            return Err(LaunchError::Stack { recorded });
        }
        Ok(Instance::new(self.pre.clone(), parts))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").finish_non_exhaustive()
    }
}

/// The reason why an instance cannot be made. The host is at fault, so the run is blocked and does not fail.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchError {
    /// The run was started by a release of the host whose guests have a stack of another size.
    #[error(
        "the run was started with {recorded} bytes of Wasm stack, and guests of this release of the host have \
         {WASM_STACK}; use the release that started it"
    )]
    Stack {
        /// The recorded size in bytes.
        recorded: u64,
    },
}

/// The reason why a component is not a workflow that this host can run.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LinkError {
    /// The component imports something that the host does not have, or has with another type.
    #[error("the component imports something that this host does not provide: {0}")]
    Import(String),
    /// The component's export `run` is missing, or has another type.
    #[error(
        "the component is not a workflow: {0}. It must export `run` as the world `dormouse:workflow/workflow` says"
    )]
    Run(String),
}
