//! The code that all workflows in JavaScript share. It is compiled once, and not again for each of them.
//!
//! Only the code of this host's own JavaScript runtime is shared, so there is one. It is in the store's cache like other
//! compiled code, by the digest of its module. Programs that were compiled by a release with another runtime find theirs
//! there too, as long as the cache has it: each such release leaves one row of some eight megabytes.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_component::divide::{Divided, divide};
use dormouse_engine::{Engine, SharedCode, SharedId};
use dormouse_store::{Store, WriteError};
use tokio::sync::Mutex;

use crate::compile_error::CompileError;
use crate::{Compiler, HandedCode, ScriptCode, Unavailable};

/// How many are held in memory: this host's, and some of earlier releases.
const HELD: usize = 4;

/// The shared code of a host.
pub(crate) struct SharedCodes {
    engine: Engine,
    store: Arc<dyn Store>,
    compiler: Arc<dyn Compiler>,
    /// Locked while it is compiled, so that this happens once.
    held: Mutex<Vec<SharedCode>>,
}

impl SharedCodes {
    pub(crate) fn new(engine: Engine, store: Arc<dyn Store>, compiler: Arc<dyn Compiler>) -> Self {
        SharedCodes {
            engine,
            store,
            compiler,
            held: Mutex::default(),
        }
    }

    /// Divides a component if it shares code that this host has compiled, or can.
    pub(crate) async fn divide(
        &self,
        component: &[u8],
    ) -> Result<Option<(SharedCode, Bytes)>, CompileError> {
        let Some(code) = self.compiler.script_code() else {
            return Ok(None);
        };
        let Some(Divided { code: module, rest }) = divide(component) else {
            return Ok(None);
        };
        if module != code.module {
            return Ok(None);
        }
        let shared = self.compiled(&code).await?;
        Ok(Some((shared, rest.into())))
    }

    /// Returns the code that a program was compiled to share, if the host still has it.
    pub(crate) async fn find(&self, id: SharedId) -> Result<Option<SharedCode>, Unavailable> {
        let mut held = self.held.lock().await;
        if let Some(shared) = held.iter().find(|shared| shared.id() == id) {
            return Ok(Some(shared.clone()));
        }
        let read = self.read(id).await?;
        Ok(read.map(|(shared, _)| hold(&mut held, shared)))
    }

    /// Returns this host's code as it is handed to whoever evaluates a workflow.
    pub(crate) async fn handed(&self, code: &ScriptCode) -> Result<HandedCode, CompileError> {
        let mut held = self.held.lock().await;
        let (shared, sealed) = self.ready(code).await?;
        hold(&mut held, shared);
        let key = self.store.code_key();
        Ok(HandedCode { key, sealed })
    }

    async fn compiled(&self, code: &ScriptCode) -> Result<SharedCode, CompileError> {
        let mut held = self.held.lock().await;
        if let Some(shared) = held.iter().find(|shared| shared.id() == code.id) {
            return Ok(shared.clone());
        }
        let (shared, _) = self.ready(code).await?;
        Ok(hold(&mut held, shared))
    }

    /// Reads the code from the store, or compiles it and keeps it there.
    async fn ready(&self, code: &ScriptCode) -> Result<(SharedCode, Bytes), CompileError> {
        if let Some(read) = self.read(code.id).await? {
            return Ok(read);
        }
        let native = self.compiler.compile_script_code(code.clone()).await?;
        tracing::info!("compiled the JavaScript runtime, which all workflows in JavaScript share");
        let (key, fingerprint) = (self.store.code_key(), self.engine.fingerprint());
        let sealed = dormouse_engine::seal(&key, fingerprint, code.id, None, &native);
        let sealed = Bytes::from(sealed);
        let shared = SharedCode::open(&self.engine, &key, code.id, &sealed)
            .map_err(|refused| CompileError::NotLinked(refused.to_string()))?;
        match self.store.keep_code(code.id, sealed.clone()).await {
            // The code is a cache: a disk that takes no more of it is no reason not to run.
            Ok(()) | Err(WriteError::Full) => Ok((shared, sealed)),
            Err(error) => Err(CompileError::Unavailable(error.into())),
        }
    }

    async fn read(&self, id: SharedId) -> Result<Option<(SharedCode, Bytes)>, Unavailable> {
        let Some(sealed) = self.store.code(id).await? else {
            return Ok(None);
        };
        let key = self.store.code_key();
        match SharedCode::open(&self.engine, &key, id, &sealed) {
            Ok(shared) => Ok(Some((shared, sealed))),
            Err(refused) => {
                tracing::info!(%refused, "shared code is not taken");
                Ok(None)
            }
        }
    }
}

/// Holds shared code, and drops what was held the longest if it is too much.
fn hold(held: &mut Vec<SharedCode>, shared: SharedCode) -> SharedCode {
    if !held.iter().any(|other| other.id() == shared.id()) {
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push(shared.clone());
    }
    shared
}
