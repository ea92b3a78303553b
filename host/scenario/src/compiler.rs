//! Compiles components for scenarios.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use dormouse_engine::{CompileError, Engine};
use dormouse_journal::VersionId;
use dormouse_runtime::{CompileFailure, Compiler, ScriptCode};
use dormouse_seams::Task;

/// Compiles in this process, each component once. Time and memory are not limited, since the code is the caller's
/// own.
pub struct InProcess {
    engine: Engine,
    compiled: Mutex<HashMap<VersionId, Vec<u8>>>,
    scripts: Option<(ScriptCode, Vec<u8>)>,
}

impl InProcess {
    /// Returns a compiler for this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        InProcess {
            engine,
            compiled: Mutex::default(),
            scripts: None,
        }
    }

    /// Adds the code that workflows in JavaScript share, and its native code from the same engine.
    pub fn share(&mut self, code: ScriptCode, native: Vec<u8>) {
        self.scripts = Some((code, native));
    }

    /// Returns the native code of a component.
    ///
    /// # Errors
    /// If the component cannot be compiled.
    pub fn code(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        let version = VersionId::of(component);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(code) = compiled.get(&version) {
            return Ok(code.clone());
        }
        let code = self.engine.precompile(component)?;
        compiled.insert(version, code.clone());
        Ok(code)
    }
}

impl Compiler for InProcess {
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>> {
        let code = self.code(&component);
        let code = code.map_err(|error| CompileFailure::Refused(error.to_string()));
        Box::pin(async { code })
    }

    fn script_code(&self) -> Option<ScriptCode> {
        self.scripts.as_ref().map(|(code, _)| code.clone())
    }

    fn compile_script_code(&self, code: ScriptCode) -> Task<Result<Vec<u8>, CompileFailure>> {
        let known = self.scripts.as_ref();
        let known = known.filter(|(known, _)| known.id == code.id);
        let native = known.map(|(_, native)| native.clone());
        let native = native.ok_or_else(|| {
            CompileFailure::Refused("no workflow here is written in JavaScript".into())
        });
        Box::pin(async { native })
    }
}
