//! The parts from which the runtime is built.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_engine::SharedId;
use dormouse_seams::{Egress, Entropy, Spawner, Task};
use dormouse_store::Store;

/// Everything that the runtime does not do itself.
#[derive(Clone)]
pub struct Parts {
    /// The store, which also has the clock.
    pub store: Arc<dyn Store>,
    /// Randomness from the system.
    pub entropy: Arc<dyn Entropy>,
    /// The executor of tasks.
    pub spawner: Arc<dyn Spawner>,
    /// The client for outbound requests.
    pub egress: Arc<dyn Egress>,
    /// The compiler of components.
    pub compiler: Arc<dyn Compiler>,
}

/// Compiles components, under limits that the compiler itself does not have.
pub trait Compiler: Send + Sync + 'static {
    /// Compiles a component.
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>>;

    /// Returns the code that all workflows in JavaScript share, if this host supports JavaScript.
    fn script_code(&self) -> Option<ScriptCode> {
        None
    }

    /// Compiles the code that all workflows in JavaScript share.
    fn compile_script_code(&self, _code: ScriptCode) -> Task<Result<Vec<u8>, CompileFailure>> {
        no_scripts()
    }

    /// Makes a component from a workflow that is written in JavaScript.
    fn build_component(
        &self,
        _script: Bytes,
        _code: HandedCode,
    ) -> Task<Result<BuiltComponent, CompileFailure>> {
        no_scripts()
    }
}

/// A component that was made from a workflow in JavaScript.
#[derive(Debug)]
pub struct BuiltComponent {
    /// The component.
    pub component: Vec<u8>,
    /// What the evaluation of the workflow has shown.
    pub facts: ScriptFacts,
}

/// What the evaluation of a workflow in JavaScript has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptFacts {
    /// The workflows in the file, each as the suffix of the name under which the file is deployed. If there is only
    /// one, its suffix is empty.
    pub workflows: Vec<String>,
    /// The suffixes of the workflows with a function that is started when a run fails.
    pub failures: Vec<String>,
    /// Notes for the author.
    pub notes: Vec<String>,
}

/// The code that all workflows in JavaScript share.
#[derive(Debug, Clone)]
pub struct ScriptCode {
    /// The id of the code.
    pub id: SharedId,
    /// The core module.
    pub module: Bytes,
}

/// The compiled shared code, as it is passed to the process that evaluates a workflow.
#[derive(Clone)]
pub struct HandedCode {
    /// The key of the seal.
    pub key: [u8; 32],
    /// The sealed code.
    pub sealed: Bytes,
}

fn no_scripts<T>() -> Task<Result<T, CompileFailure>> {
    Box::pin(async { Err(CompileFailure::no_scripts()) })
}

impl CompileFailure {
    pub(crate) fn no_scripts() -> Self {
        CompileFailure::Refused(
            "this host was built without JavaScript; build it with `cargo xtask build`".into(),
        )
    }
}

/// Why a component was not compiled.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CompileFailure {
    /// The component takes more time or memory to compile than is allowed.
    #[error("compiling the component takes more than {limit}; the setting is `{setting}`")]
    TooComplex {
        /// The limit that was exceeded.
        limit: String,
        /// The setting of that limit.
        setting: &'static str,
    },
    /// The compiler refuses the component.
    #[error("the component cannot be compiled: {0}")]
    Refused(String),
    /// The compiler could not be run, or did not finish. This is not the component's fault.
    #[error("the compiler could not be run: {reason}")]
    Host {
        /// The reason.
        reason: String,
        /// The number of seconds after which to try again. It grows with each failure in a row.
        retry_after: u32,
    },
}
