//! Compiling components for scenarios.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use dormouse_engine::Engine;
use dormouse_journal::VersionId;
use dormouse_runtime::{CompileFailure, Compiler, ScriptCode};
use dormouse_seams::Task;

/// Compiles in this process, each component once. Its time and memory are not limited: the code is the caller's own.
pub struct InProcess {
    engine: Engine,
    compiled: Mutex<HashMap<VersionId, Vec<u8>>>,
    scripts: Option<(ScriptCode, Vec<u8>)>,
}

impl InProcess {
    /// A compiler for this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        InProcess {
            engine,
            compiled: Mutex::default(),
            scripts: None,
        }
    }

    /// Tells it the code that workflows in JavaScript share, and what it was compiled to by the same engine.
    pub fn share(&mut self, code: ScriptCode, native: Vec<u8>) {
        self.scripts = Some((code, native));
    }
}

impl Compiler for InProcess {
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>> {
        let version = VersionId::of(&component);
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let code = match compiled.get(&version) {
            Some(code) => Ok(code.clone()),
            None => self.engine.precompile(&component),
        };
        if let Ok(code) = &code {
            compiled.entry(version).or_insert_with(|| code.clone());
        }
        let code = code.map_err(|error| CompileFailure::Refused(error.to_string()));
        Box::pin(async { code })
    }

    fn script_code(&self) -> Option<ScriptCode> {
        self.scripts.as_ref().map(|(code, _)| code.clone())
    }

    fn compile_script_code(&self) -> Task<Result<Vec<u8>, CompileFailure>> {
        let native = self.scripts.as_ref().map(|(_, native)| native.clone());
        let native = native.ok_or_else(|| {
            CompileFailure::Refused("no workflow here is written in JavaScript".into())
        });
        Box::pin(async { native })
    }
}
