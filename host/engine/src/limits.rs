//! The limits of a guest: memory, tables, operations, sizes.
//!
//! A run that exceeds a limit fails. Its failure names the limit and the setting that raises it. Limits are checked
//! when something new is made, never in a replay: what was allowed once stays allowed, whatever the settings are by
//! then. Memory is the exception, because a guest can notice its limit, which is therefore recorded with the run.

use dormouse_limits::Limit;

use crate::stop::Stop;

/// The largest number of core instances in one component. A Python guest has about twenty.
pub(crate) const CORE_INSTANCES: u32 = 128;

/// The largest number of linear memories in one component. Most components have one; a composed component has one for
/// each part.
pub(crate) const MEMORIES: u32 = 8;

/// The largest number of tables in one component.
pub(crate) const TABLES: u32 = 32;

/// The largest number of elements in one table. CPython has about ten thousand, one for each of its C functions.
pub(crate) const TABLE_ELEMENTS: usize = 65_536;

/// The number of handles of the component model that a guest may hold in addition to its outstanding operations: WASI
/// streams and pollables.
pub(crate) const SPARE_HANDLES: usize = 10_000;

/// The number of bytes that a guest may pass in one call in addition to the size of a value, for headers and names.
pub(crate) const CALL_OVERHEAD: usize = 1 << 20;

/// The number of bytes that a header takes in memory besides its name and its value, which may be empty.
pub(crate) const EACH_HEADER: usize = 96;

/// Returns the size of headers in memory, in bytes.
pub(crate) fn headers_size<V: AsRef<[u8]>>(headers: &[(String, V)]) -> usize {
    let sizes = headers.iter();
    let sizes = sizes.map(|(name, value)| EACH_HEADER + name.len() + value.as_ref().len());
    sizes.sum()
}

/// The number of values of the largest size that a guest may pass to the host before it waits. All of them are in
/// memory until the activation is committed.
pub(crate) const VALUES: usize = 4;

/// The number of random bytes that a guest may ask for in one call, according to the contract.
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

/// Stops a guest that would make one more of something and already has the largest number.
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
