//! Compiled code as the cache keeps it: sealed, since it is native code that the host will execute.
//!
//! ```text
//! 0   8   "dormcode"
//! 8   32  fingerprint of the engine that compiled it
//! 40  32  HMAC-SHA-256 under the host's key over fingerprint, version and code
//! 72  …   code
//! ```
//!
//! The version is not part of it, since the code is looked up by its version. Code that is rejected is no loss, since
//! the component can be compiled again.

use dormouse_journal::VersionId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::component::Component;

use crate::engine::{Engine, Fingerprint};
use crate::program::{LinkError, Program};

const MAGIC: &[u8; 8] = b"dormcode";

/// Seals the code that [`Engine::precompile`] made of the version's component, and returns it as the cache keeps it.
#[must_use]
pub fn seal(key: &[u8; 32], fingerprint: Fingerprint, version: VersionId, code: &[u8]) -> Vec<u8> {
    let tag = mac(key, fingerprint, version, code).finalize().into_bytes();
    [MAGIC.as_slice(), &fingerprint.0, &tag, code].concat()
}

/// Loads sealed code of a version, if this host sealed it and this engine can run it.
///
/// # Errors
/// If the code is rejected. Nothing of it was executed then.
#[allow(
    unsafe_code,
    reason = "the one exception of this crate: native code is loaded, and the proof stands beside it"
)]
pub fn open(
    engine: &Engine,
    key: &[u8; 32],
    version: VersionId,
    sealed: &[u8],
) -> Result<Program, CodeRejected> {
    let body = sealed.strip_prefix(MAGIC).ok_or(CodeRejected::Malformed)?;
    let (fingerprint, body) = body.split_first_chunk().ok_or(CodeRejected::Malformed)?;
    let (tag, code) = body
        .split_first_chunk::<32>()
        .ok_or(CodeRejected::Malformed)?;
    let fingerprint = Fingerprint(*fingerprint);
    if fingerprint != engine.fingerprint() {
        return Err(CodeRejected::OtherEngine);
    }
    mac(key, fingerprint, version, code)
        .verify_slice(tag)
        .map_err(|_| CodeRejected::Forged)?;
    // SAFETY: `Component::deserialize` demands bytes that `Engine::precompile_component` made and nobody changed. The
    // MAC was made by `seal` under a key that only this host has, over exactly these bytes, and `seal` is given what
    // `Engine::precompile` returned. So either they are those bytes, or the key is known to an attacker, who could then
    // as well replace this program. The fingerprint says that they were made for this engine's settings, which
    // wasmtime checks again by itself.
    let component = unsafe { Component::deserialize(engine.wasmtime(), code) };
    let component = component.map_err(|error| CodeRejected::Unusable(format!("{error:#}")))?;
    Ok(Program::link(engine, &component)?)
}

/// Why sealed code is rejected.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodeRejected {
    /// The bytes are not sealed code, or are cut off.
    #[error("this is not compiled code of the host's cache")]
    Malformed,
    /// The code was compiled by another release, for another machine or with other settings.
    #[error("the code was compiled for another engine")]
    OtherEngine,
    /// The seal does not fit: it was made with another key or for another version, or the bytes were changed.
    #[error("the seal of the compiled code does not fit")]
    Forged,
    /// The engine cannot run the code, since the component needs more than an instance may have.
    #[error("the engine cannot run the compiled code: {0}")]
    Unusable(String),
    /// The code is sound, but not a workflow that this host can run.
    #[error(transparent)]
    Link(#[from] LinkError),
}

fn mac(key: &[u8; 32], fingerprint: Fingerprint, version: VersionId, code: &[u8]) -> Hmac<Sha256> {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(error) => unreachable!("HMAC takes keys of any length: {error}"),
    };
    // All parts but the last have fixed lengths, so different parts never make the same bytes.
    mac.update(MAGIC);
    mac.update(&fingerprint.0);
    mac.update(&version.0);
    mac.update(code);
    mac
}
