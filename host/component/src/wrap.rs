//! Makes a component of a core module.
//!
//! Bindings write the world that a module implements into custom sections of the module. No more is needed to make a
//! component of the module, so authors need no tool between their compiler and the upload.

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Parser, Payload, Validator};
use wit_component::ComponentEncoder;

use crate::{Invalid, features, packages};

/// The beginning of the names of the custom sections that bindings write.
const METADATA: &str = "component-type";

/// The names of the core modules that a program for WASI 0.1 imports.
const WASI_PREVIEW_1: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// The names of the modules that a program with `wasm-bindgen` imports: the first two before its tool has processed the
/// program, the third afterwards.
const WASM_BINDGEN: [&str; 3] = [
    "__wbindgen_placeholder__",
    "__wbindgen_externref_xform__",
    "wbg",
];

/// Makes a component of a core module.
pub(crate) fn wrap(module: &[u8]) -> Result<Vec<u8>, Invalid> {
    // This check comes first, since a program with `wasm-bindgen` may also use features that the host does not enable.
    let facts = ModuleFacts::of(module).map_err(|error| Invalid::malformed(&error))?;
    if let Some(module) = facts.wasm_bindgen {
        return Err(Invalid::WasmBindgen { module });
    }
    Validator::new_with_features(features())
        .validate_all(module)
        .map_err(|error| Invalid::malformed(&error))?;
    if let Some(module) = facts.wasi_preview_1 {
        return Err(Invalid::WasiPreview1 { module });
    }
    if !facts.has_metadata {
        return Err(Invalid::NoMetadata);
    }
    if facts.has_circle {
        return Err(Invalid::Unwrappable {
            reason: "packages in its metadata use each other in a circle".to_owned(),
        });
    }
    encode(module)
}

/// The facts that decide whether a component can be made of a core module.
#[derive(Default)]
struct ModuleFacts {
    has_metadata: bool,
    /// True if packages in the metadata use each other in a circle.
    has_circle: bool,
    wasi_preview_1: Option<String>,
    wasm_bindgen: Option<String>,
}

impl ModuleFacts {
    fn of(module: &[u8]) -> wasmparser::Result<Self> {
        let mut facts = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::CustomSection(section) if section.name().starts_with(METADATA) => {
                    facts.has_metadata = true;
                    facts.has_circle |= packages::use_each_other(section.data());
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        facts.import_from(import?.module);
                    }
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn import_from(&mut self, module: &str) {
        if WASI_PREVIEW_1.contains(&module) {
            self.wasi_preview_1 = Some(module.to_owned());
        }
        if WASM_BINDGEN.contains(&module) {
            self.wasm_bindgen = Some(module.to_owned());
        }
    }
}

/// Encodes a core module as a component. The encoder expects the output of a compiler, and panics if forged metadata
/// contradicts itself. It keeps nothing between two calls, so a panic harms this upload only, and is answered like an
/// error of the encoder.
fn encode(module: &[u8]) -> Result<Vec<u8>, Invalid> {
    let encoded = catch_unwind(AssertUnwindSafe(|| {
        ComponentEncoder::default().module(module)?.encode()
    }));
    match encoded {
        Ok(Ok(component)) => Ok(component),
        Ok(Err(error)) => Err(Invalid::Unwrappable {
            reason: format!("{error:#}"),
        }),
        Err(_) => Err(Invalid::Unwrappable {
            reason: "its metadata contradicts itself".to_owned(),
        }),
    }
}
