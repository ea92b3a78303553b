//! What the runtime is built from.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_engine::SharedId;
use dormouse_seams::{Egress, Entropy, Spawner, Task};
use dormouse_store::Store;

/// Everything that the runtime does not do itself.
#[derive(Clone)]
pub struct Parts {
    /// The store, which has the clock.
    pub store: Arc<dyn Store>,
    /// Randomness from the system.
    pub entropy: Arc<dyn Entropy>,
    /// Where tasks run.
    pub spawner: Arc<dyn Spawner>,
    /// The way out.
    pub egress: Arc<dyn Egress>,
    /// What compiles components.
    pub compiler: Arc<dyn Compiler>,
}

/// Compiles components, under limits that the compiler itself does not have.
pub trait Compiler: Send + Sync + 'static {
    /// Compiles a component.
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>>;

    /// Returns the code that all workflows in JavaScript share, if this host takes any.
    fn script_code(&self) -> Option<ScriptCode> {
        None
    }

    /// Compiles that code.
    fn compile_script_code(&self, _code: ScriptCode) -> Task<Result<Vec<u8>, CompileFailure>> {
        no_scripts()
    }

    /// Makes a component of a workflow that is written in JavaScript.
    fn take_in(&self, _script: Bytes, _code: HandedCode) -> Task<Result<TakenIn, CompileFailure>> {
        no_scripts()
    }
}

/// A component that was made of a workflow in JavaScript.
#[derive(Debug)]
pub struct TakenIn {
    /// The component.
    pub component: Vec<u8>,
    /// What is to be known of it.
    pub facts: ScriptFacts,
}

/// What evaluating a workflow in JavaScript has shown of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptFacts {
    /// The workflows that it consists of, each by what stands behind the name under which it is deployed. The only one is
    /// the empty text.
    pub workflows: Vec<String>,
    /// Those of them whose failures start a run.
    pub failures: Vec<String>,
    /// What its author should be told.
    pub notes: Vec<String>,
}

/// The code that all workflows in JavaScript share.
#[derive(Debug, Clone)]
pub struct ScriptCode {
    /// Which it is.
    pub id: SharedId,
    /// The core module.
    pub module: Bytes,
}

/// That code compiled, for whoever evaluates a workflow.
#[derive(Clone)]
pub struct HandedCode {
    /// The key of its seal.
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
    /// It takes more time or memory than a component may.
    #[error("compiling the component takes more than {limit}; the setting is `{setting}`")]
    TooComplex {
        /// What it exceeded.
        limit: String,
        /// Where that is set.
        setting: &'static str,
    },
    /// The compiler refuses it.
    #[error("the component cannot be compiled: {0}")]
    Refused(String),
    /// The compiler could not be run, or did not come to its end. Not the component's fault.
    #[error("the compiler could not be run: {reason}")]
    Host {
        /// What happened.
        reason: String,
        /// After how many seconds to try again. It grows with each failure in a row.
        retry_after: u32,
    },
}
