//! The code that all workflows in JavaScript share. It is compiled only once.
//!
//! Only the code of this host's own JavaScript runtime is shared, so there is one. The store's cache of compiled code
//! keeps it under the digest of its module. Programs that a release with another runtime has compiled find their shared
//! code there too, as long as the cache has it. Each such release leaves one row of about eight megabytes.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_component::divide::{Divided, divide};
use dormouse_engine::{Engine, SharedCode, SharedId};
use dormouse_store::{Store, WriteError};
use tokio::sync::Mutex;

use crate::compile_error::CompileError;
use crate::{Compiler, HandedCode, ScriptCode, Unavailable};

/// The largest number of shared codes in memory: this host's, and some of earlier releases.
const HELD: usize = 4;

/// The shared codes of a host.
pub(crate) struct SharedCodes {
    engine: Engine,
    store: Arc<dyn Store>,
    compiler: Arc<dyn Compiler>,
    /// Locked while the code is compiled, so that it is compiled only once.
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

    /// Divides a component if it shares code that this host has compiled or can compile.
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

    /// Returns the shared code that a program was compiled against, if the host still has it.
    pub(crate) async fn find(&self, id: SharedId) -> Result<Option<SharedCode>, Unavailable> {
        let mut held = self.held.lock().await;
        if let Some(shared) = held.iter().find(|shared| shared.id() == id) {
            return Ok(Some(shared.clone()));
        }
        let read = self.read(id).await?;
        Ok(read.map(|(shared, _)| hold(&mut held, shared)))
    }

    /// Returns this host's code in the form in which it is passed to the process that evaluates a workflow.
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

    /// Reads the code from the store, or compiles it and stores it.
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
            // The code is a cache. A full disk is no reason not to run.
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
                tracing::info!(%refused, "stored code of the JavaScript runtime cannot be used, and is compiled again");
                Ok(None)
            }
        }
    }
}

/// Keeps shared code in memory, and drops the oldest if there are too many.
fn hold(held: &mut Vec<SharedCode>, shared: SharedCode) -> SharedCode {
    if !held.iter().any(|other| other.id() == shared.id()) {
        if held.len() >= HELD {
            held.remove(0);
        }
        held.push(shared.clone());
    }
    shared
}
