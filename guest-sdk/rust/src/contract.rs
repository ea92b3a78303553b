//! The contract's imports: the host's, or where there is none those of [`native`](crate::native), by which a workflow is
//! tested.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::dormouse::workflow::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::native::*;
