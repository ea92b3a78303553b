//! The limits of a guest: memory, tables, operations, sizes.
//!
//! A run that goes past a limit fails. Its failure says which limit it was and which setting raises it. Limits are
//! checked when something new is made, never in replay: what was allowed once stays allowed, whatever the settings are
//! by then. Memory is the exception, since a guest can notice its limit, which is therefore recorded with the run.

use dormouse_limits::Limit;

use crate::stop::Stop;

/// The most core instances that one component may have. A Python guest has about twenty.
pub(crate) const CORE_INSTANCES: u32 = 128;

/// The most linear memories that one component may have. Most components have one; a composed component has one for
/// each part.
pub(crate) const MEMORIES: u32 = 8;

/// The most tables that one component may have.
pub(crate) const TABLES: u32 = 32;

/// The most elements that one table may have. CPython has about ten thousand, one for each of its C functions.
pub(crate) const TABLE_ELEMENTS: usize = 65_536;

/// How many handles of the component model a guest may hold beyond its outstanding operations: WASI streams and
/// pollables.
pub(crate) const SPARE_HANDLES: usize = 10_000;

/// How many bytes a guest may pass in one call beyond the size of a value: headers and names.
pub(crate) const CALL_OVERHEAD: usize = 1 << 20;

/// How many values of the largest size a guest may hand to the host before it waits. All of them are in memory until
/// the activation is committed.
pub(crate) const VALUES: usize = 4;

/// How many random bytes a guest may ask for in one call, as the contract says.
pub(crate) const RANDOM_BYTES: usize = 65_536;

/// Returns a number of bytes as a size in memory. On 64 bits nothing is cut off.
pub(crate) fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Stops a guest whose name or value is larger than allowed.
pub(crate) fn check_bytes(
    what: &str,
    size: usize,
    limit: u64,
    setting: &Limit,
) -> Result<(), Stop> {
    if size as u64 <= limit {
        return Ok(());
    }
    Err(Stop::Limit(format!(
        "{what} has {size} bytes, and the limit is {limit}; make it shorter, or raise the host's setting `{setting}`"
    )))
}

/// Stops a guest that would make one more of something, and already has as many as allowed.
pub(crate) fn check_count(
    what: &str,
    have: usize,
    limit: u32,
    setting: &Limit,
) -> Result<(), Stop> {
    if have < usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(());
    }
    Err(Stop::Limit(format!(
        "the run has {have} {what}, and the limit is {limit}; make fewer, or raise the host's setting `{setting}`"
    )))
}
