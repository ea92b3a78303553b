//! Compiled code in the form in which the cache keeps it: sealed, because the host will execute it as native code.
//!
//! ```text
//! 0   8   "dormcod2"
//! 8   32  fingerprint of the engine that compiled it
//! 40  32  HMAC-SHA-256 under the host's key over fingerprint, version, the next field and code
//! 72  32  the code that it shares with other programs, by the SHA-256 of its module; zeros if it shares none
//! 104 …   code
//! ```
//!
//! The version is not stored in it, because the code is looked up by its version. Rejected code does no harm, because the
//! component can be compiled again. Code that programs share is kept in the same way, with the digest of its module in
//! the place of a version.

use std::fmt;

use dormouse_journal::VersionId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::Module;
use wasmtime::component::Component;

use crate::engine::{Engine, Fingerprint};
use crate::program::{LinkError, Program};

const MAGIC: &[u8; 8] = b"dormcod2";

/// The module of code that a program shares with others, by the digest of its bytes.
pub type SharedId = VersionId;

/// The value in the place of a shared code's digest, if there is no shared code.
const NONE: [u8; 32] = [0; 32];

/// Seals the code that [`Engine::precompile`] made from the version's component, and returns it in the form of the
/// cache. `shared` is the code that the component imports, if the component was divided.
#[must_use]
pub fn seal(
    key: &[u8; 32],
    fingerprint: Fingerprint,
    version: VersionId,
    shared: Option<SharedId>,
    code: &[u8],
) -> Vec<u8> {
    let shared = shared.map_or(NONE, |shared| shared.0);
    let tag = mac(key, fingerprint, version, &shared, code);
    let tag = tag.finalize().into_bytes();
    [MAGIC.as_slice(), &fingerprint.0, &tag, &shared, code].concat()
}

/// Returns the shared code that sealed code claims to need. The claim is verified when the code is opened.
#[must_use]
pub fn shared_by(sealed: &[u8]) -> Option<SharedId> {
    let sealed = Sealed::read(sealed).ok()?;
    (sealed.shared != NONE).then_some(VersionId(sealed.shared))
}

/// Loads sealed code of a version, if this host sealed it and this engine can run it. `shared` is the code that it
/// shares with other programs, as [`shared_by`] returns it.
///
/// # Errors
/// If the code is rejected. Nothing of it was executed then.
#[allow(
    unsafe_code,
    reason = "one of the two exceptions of this crate: native code is loaded, and the proof stands beside it"
)]
pub fn open(
    engine: &Engine,
    key: &[u8; 32],
    version: VersionId,
    sealed: &[u8],
    shared: Option<&SharedCode>,
) -> Result<Program, CodeRejected> {
    let sealed = Sealed::read(sealed)?;
    sealed.verify(engine, key, version)?;
    if sealed.shared != shared.map_or(NONE, |shared| shared.id.0) {
        return Err(CodeRejected::NoSharedCode);
    }
    // SAFETY: `Component::deserialize` requires bytes that `Engine::precompile_component` made and nobody changed.
    // `seal` made the MAC under a key that only this host has, over exactly these bytes, and `seal` gets what
    // `Engine::precompile` returned. So either these are those bytes, or an attacker has the key, who could then
    // replace this program as well. The fingerprint shows that the bytes were made for this engine's settings, which
    // wasmtime also checks.
    let component = unsafe { Component::deserialize(engine.wasmtime(), sealed.code) };
    let component = component.map_err(|error| CodeRejected::Unusable(format!("{error:#}")))?;
    Ok(Program::link(
        engine,
        &component,
        shared.map(SharedCode::module),
    )?)
}

/// Compiled code that programs share: a module that is compiled once. Clones share it.
#[derive(Clone)]
pub struct SharedCode {
    id: SharedId,
    module: Module,
}

impl SharedCode {
    /// Loads sealed code that [`Engine::precompile_shared`] made, if this host sealed it and this engine can run it.
    ///
    /// # Errors
    /// If the code is rejected. Nothing of it was executed then.
    #[allow(
        unsafe_code,
        reason = "the other exception of this crate: native code is loaded, and the proof stands beside it"
    )]
    pub fn open(
        engine: &Engine,
        key: &[u8; 32],
        id: SharedId,
        sealed: &[u8],
    ) -> Result<Self, CodeRejected> {
        let sealed = Sealed::read(sealed)?;
        sealed.verify(engine, key, id)?;
        // SAFETY: As for `Component::deserialize` in `open`: the MAC proves that `Engine::precompile_shared` of this
        // host made these bytes. Wasmtime itself checks that they are a module and not a component.
        let module = unsafe { Module::deserialize(engine.wasmtime(), sealed.code) };
        let module = module.map_err(|error| CodeRejected::Unusable(format!("{error:#}")))?;
        Ok(SharedCode { id, module })
    }

    /// Returns the id of the code.
    #[must_use]
    pub fn id(&self) -> SharedId {
        self.id
    }

    pub(crate) fn module(&self) -> &Module {
        &self.module
    }
}

impl fmt::Debug for SharedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedCode")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Sealed code in its parts.
struct Sealed<'a> {
    fingerprint: Fingerprint,
    tag: &'a [u8; 32],
    shared: [u8; 32],
    code: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(sealed: &'a [u8]) -> Result<Self, CodeRejected> {
        let body = sealed.strip_prefix(MAGIC);
        let read = body.and_then(|body| {
            let (fingerprint, body) = body.split_first_chunk()?;
            let (tag, body) = body.split_first_chunk()?;
            let (shared, code) = body.split_first_chunk()?;
            Some(Sealed {
                fingerprint: Fingerprint(*fingerprint),
                tag,
                shared: *shared,
                code,
            })
        });
        read.ok_or(CodeRejected::Malformed)
    }

    fn verify(
        &self,
        engine: &Engine,
        key: &[u8; 32],
        version: VersionId,
    ) -> Result<(), CodeRejected> {
        if self.fingerprint != engine.fingerprint() {
            return Err(CodeRejected::OtherEngine);
        }
        mac(key, self.fingerprint, version, &self.shared, self.code)
            .verify_slice(self.tag)
            .map_err(|_| CodeRejected::Forged)
    }
}

/// The reason why sealed code is rejected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodeRejected {
    /// The bytes are not sealed code, or are cut off.
    #[error("this is not compiled code of the host's cache")]
    Malformed,
    /// The code was compiled by another release, for another machine or with other settings.
    #[error("the code was compiled for another engine")]
    OtherEngine,
    /// The seal does not fit: it was made with another key or for another version, or the bytes were changed.
    #[error(
        "the seal of the compiled code is wrong: the code was changed, or another host sealed it"
    )]
    Forged,
    /// The code that it shares with other programs was not passed.
    #[error("the code that it shares with other programs is missing")]
    NoSharedCode,
    /// The engine cannot run the code, because the component needs more than an instance may have.
    #[error("the engine cannot run the compiled code: {0}")]
    Unusable(String),
    /// The code is sound, but not a workflow that this host can run.
    #[error(transparent)]
    Link(#[from] LinkError),
}

fn mac(
    key: &[u8; 32],
    fingerprint: Fingerprint,
    version: VersionId,
    shared: &[u8; 32],
    code: &[u8],
) -> Hmac<Sha256> {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(error) => unreachable!("HMAC takes keys of any length: {error}"),
    };
    // All parts but the last have fixed lengths, so different parts never make the same bytes.
    mac.update(MAGIC);
    mac.update(&fingerprint.0);
    mac.update(&version.0);
    mac.update(shared);
    mac.update(code);
    mac
}
