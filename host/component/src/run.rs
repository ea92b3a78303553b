//! Checks that a component exports `run` as the contract says.
//!
//! Only the type of `run` matters. Code that is not async may implement an `async func`, and its waits then block only
//! itself. In a plain `func`, the component model lets nothing block, so the first wait would trap. Such a component is
//! refused before it can run.

use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::TypesRef;

use crate::Invalid;
use crate::contract::{Contract, RUN};

/// Checks the export `run`. `exports` has the names of all exports, for the error.
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
