//! What an upload must be before the host takes it: a component that imports only what the host gives, and exports
//! `run` as the contract in `wit/` has it.
//!
//! [`prepare`] is pure: bytes in, a component or the reason against it out. It is the only judge of uploads, so that
//! the server, which answers 422 with what it says, and the build, which checks every guest, cannot disagree. It does
//! not compile anything; that a valid component can also be compiled within limits is the engine's to find out.
//!
//! The order of the checks is from the outside in: is it Wasm, is it (or can it become) a component, is it valid with
//! the features that the engine has, is it of a world that is known for something else, and only then what it imports and exports. The
//! first thing wrong is the answer.

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
    /// Whether the upload was a core module, and `component` was made from it.
    pub wrapped: bool,
}

/// Turns an upload into a component that the host can run, or says why that cannot be.
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

/// How an upload begins that is a workflow in JavaScript, as the command line bundles it.
const BUNDLE: &[u8] = b"{\"dormouse-script\":1,";

/// Returns true for a workflow in JavaScript, of which a component is made first.
#[must_use]
pub fn is_script(upload: &[u8]) -> bool {
    upload.starts_with(BUNDLE)
}

/// What the first eight bytes say.
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
