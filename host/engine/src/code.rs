//! Compiled code as it lies in the cache: sealed, since it is native code that the host will execute.
//!
//! ```text
//! 0   8   "dormcode"
//! 8   32  fingerprint of the engine that compiled it
//! 40  32  HMAC-SHA-256 under the host's key over fingerprint, version and code
//! 72  …   code
//! ```
//!
//! The version is not repeated: it is what the code is looked up by. Code that cannot be taken is no loss, since the
//! component is there to be compiled anew.

use dormouse_journal::VersionId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use wasmtime::component::Component;

use crate::engine::{Engine, Fingerprint};
use crate::program::{LinkError, Program};

const MAGIC: &[u8; 8] = b"dormcode";

/// Seals what [`Engine::precompile`] made of the version's component.
#[must_use]
pub fn seal(key: &[u8; 32], fingerprint: Fingerprint, version: VersionId, code: &[u8]) -> Vec<u8> {
    let tag = mac(key, fingerprint, version, code).finalize().into_bytes();
    [MAGIC.as_slice(), &fingerprint.0, &tag, code].concat()
}

/// Takes sealed code of the version, if it is this host's own and fits this engine.
///
/// # Errors
/// When it cannot be taken. Nothing of it was executed then.
#[allow(
    unsafe_code,
    reason = "the one exception of this crate: native code is loaded, and the proof stands beside it"
)]
pub fn open(
    engine: &Engine,
    key: &[u8; 32],
    version: VersionId,
    sealed: &[u8],
) -> Result<Program, Refused> {
    let body = sealed.strip_prefix(MAGIC).ok_or(Refused::Malformed)?;
    let (fingerprint, body) = body.split_first_chunk().ok_or(Refused::Malformed)?;
    let (tag, code) = body.split_first_chunk::<32>().ok_or(Refused::Malformed)?;
    let fingerprint = Fingerprint(*fingerprint);
    if fingerprint != engine.fingerprint() {
        return Err(Refused::OtherEngine);
    }
    mac(key, fingerprint, version, code)
        .verify_slice(tag)
        .map_err(|_| Refused::Forged)?;
    // SAFETY: `Component::deserialize` demands bytes that `Engine::precompile_component` made and nobody changed. The
    // MAC was made by `seal` under a key that only this host has, over exactly these bytes, and `seal` is given what
    // `Engine::precompile` returned. So either they are those bytes, or the key is known to an attacker, who could then
    // as well replace this program. The fingerprint says that they were made for this engine's settings, which
    // wasmtime checks again by itself.
    let component = unsafe { Component::deserialize(engine.wasmtime(), code) };
    let component = component.map_err(|error| Refused::Unusable(format!("{error:#}")))?;
    Ok(Program::link(engine, &component)?)
}

/// Why sealed code is not taken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// It is not sealed code at all, or the end is missing.
    #[error("this is not compiled code of the host's cache")]
    Malformed,
    /// It was compiled by another release, for another machine or with other settings.
    #[error("the code was compiled for another engine")]
    OtherEngine,
    /// Its seal is wrong: another key, another version, or changed bytes.
    #[error("the seal of the compiled code does not fit")]
    Forged,
    /// The engine does not take it, since the component needs more than an instance may have.
    #[error("the engine does not take the compiled code: {0}")]
    Unusable(String),
    /// It is sound, and no workflow that this host can run.
    #[error(transparent)]
    Link(#[from] LinkError),
}

fn mac(key: &[u8; 32], fingerprint: Fingerprint, version: VersionId, code: &[u8]) -> Hmac<Sha256> {
    let mut mac = match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mac) => mac,
        Err(error) => unreachable!("HMAC takes keys of any length: {error}"),
    };
    // All but the last have fixed lengths, so no two inputs run together to the same bytes.
    mac.update(MAGIC);
    mac.update(&fingerprint.0);
    mac.update(&version.0);
    mac.update(code);
    mac
}
