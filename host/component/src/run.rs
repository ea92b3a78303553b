//! Whether a component exports `run` as the contract has it.
//!
//! The type decides, not how the component came to it: code without async may stand behind an `async func`, and what
//! it waits for then blocks only itself. Behind a plain `func` the component model lets nothing block, so that the
//! first wait would trap; such a component is refused before it can run.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;

use crate::Invalid;
use crate::contract::{Contract, RUN};

/// Checks the export `run`. `exports` are the names of all exports.
pub(crate) fn check(
    contract: &Contract,
    types: TypesRef<'_>,
    exports: Vec<String>,
) -> Result<(), Invalid> {
    let Some(found) = types.component_item_for_export(RUN) else {
        return Err(Invalid::NoRun { exports });
    };
    if let ComponentEntityType::Func(function) = found.ty
        && !types[function].async_
    {
        return Err(Invalid::RunNotAsync);
    }
    contract
        .compare(types, &found.ty, contract.run())
        .map_err(|reason| Invalid::RunType { reason })
}
