//! The imports of the contract. They are those of the host or, if the crate is not built for Wasm, those of
//! [`native`](crate::native), with which a workflow is tested.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::dormouse::workflow::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::native::*;
