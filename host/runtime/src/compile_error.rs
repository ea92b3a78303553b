//! The reasons why there is no program.

use crate::{CompileFailure, Unavailable};

/// The reason why a component did not become a program.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CompileError {
    #[error(transparent)]
    NotCompiled(#[from] CompileFailure),
    #[error("{0}")]
    NotLinked(String),
    /// The store could not be read or written.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
