//! Checks uploads. The host accepts a component that imports only what the host provides, and exports `run` as the
//! contract in `wit/` says.
//!
//! [`prepare`] is a pure function: it gets the bytes of an upload, and returns a component or the reason to refuse the
//! upload. The server, which answers 422 with the reason, and the build, which checks every guest, both use it, so they
//! cannot disagree. It does not compile anything: only the engine can say if a valid component can be compiled within the
//! limits.
//!
//! The checks go from the outside in. Is the upload Wasm? Is it a component, or can a component be made of it? Is it valid
//! with the features that the engine has? Is it a program for another host? Are its imports and exports those of the
//! contract? The first check that fails is the answer.

mod contract;
pub mod divide;
mod exports;
mod features;
mod imports;
mod invalid;
mod other_formats;
mod other_worlds;
mod packages;
mod run;
mod wrap;

pub use features::features;
pub use invalid::Invalid;

use contract::Contract;
use wasmparser::{Encoding, Parser, Payload};

/// A component that the host can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The component. These are the uploaded bytes, unless they were a core module.
    pub component: Vec<u8>,
    /// True if the upload was a core module, from which `component` was made.
    pub wrapped: bool,
}

/// Turns an upload into a component that the host can run. The error says why the upload is refused.
pub fn prepare(upload: &[u8]) -> Result<Prepared, Invalid> {
    let prepared = match encoding(upload)? {
        Encoding::Component => Prepared {
            component: upload.to_vec(),
            wrapped: false,
        },
        Encoding::Module => Prepared {
            component: wrap::wrap(upload)?,
            wrapped: true,
        },
    };
    check(&prepared.component)?;
    Ok(prepared)
}

/// The beginning of an upload that is a bundle: a workflow in JavaScript.
const BUNDLE: &[u8] = b"{\"dormouse-script\":1,";

/// Returns true for a workflow in JavaScript. A component must be made of it before [`prepare`].
#[must_use]
pub fn is_script(upload: &[u8]) -> bool {
    upload.starts_with(BUNDLE)
}

/// Returns whether an upload is a component or a core module, by its first eight bytes.
fn encoding(upload: &[u8]) -> Result<Encoding, Invalid> {
    let Some(rest) = upload.strip_prefix(b"\0asm") else {
        return Err(other_formats::refuse(upload));
    };
    if let Some(Ok(Payload::Version { encoding, .. })) = Parser::new(0).parse_all(upload).next() {
        return Ok(encoding);
    }
    let version: Vec<String> = rest
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Err(Invalid::UnknownVersion {
        version: version.join(" "),
    })
}

fn check(component: &[u8]) -> Result<(), Invalid> {
    let mut contract = Contract::read();
    let types = contract.validate(component)?;
    let exports = exports::names(component).map_err(|error| Invalid::malformed(&error))?;
    other_worlds::check(&exports)?;
    imports::check(&contract, types.as_ref(), component)?;
    run::check(&contract, types.as_ref(), exports)
}
