//! The limits of a guest: memory, tables, operations, sizes.
//!
//! A run that goes past a limit fails. Its failure says which limit it was and which setting raises it. Limits are
//! checked when something new is made, never in replay: what was allowed once stays allowed, whatever the settings are
//! by then. Memory is the exception, since a guest can notice its limit, which is therefore recorded with the run.

use std::fmt;
use std::time::Duration;

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

/// The host's limits for a run. All runs of a host have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// The CPU time that one activation may use.
    pub cpu: Duration,
    /// How many operations a run may make.
    pub operations: u32,
    /// How many operations of a run may be outstanding, which are those that have not completed.
    pub outstanding: u32,
    /// How many webhooks a run may create.
    pub webhooks: u32,
    /// The longest name of a step or an event, in bytes.
    pub step_name: usize,
    /// The largest value in bytes: a request that is sent, an event, a step's outcome, the run's result.
    pub value: usize,
    /// The size in bytes of a run's log. Lines beyond it are dropped, and the run goes on.
    pub log: usize,
}

impl Default for Allowance {
    fn default() -> Self {
        Allowance {
            cpu: Duration::from_secs(5),
            operations: 250_000,
            outstanding: 10_000,
            webhooks: 10_000,
            step_name: 256,
            value: 16 << 20,
            log: 1 << 20,
        }
    }
}

/// The setting that a limit comes from. Its name is the one that the host's command line and configuration file use, so
/// that a failure can say what to raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The setting of [`Allowance::cpu`].
    Cpu,
    /// The setting of [`GuestLimits::memory`](dormouse_journal::GuestLimits::memory).
    Memory,
    /// The setting of [`Allowance::operations`].
    Operations,
    /// The setting of [`Allowance::outstanding`].
    Outstanding,
    /// The setting of [`Allowance::webhooks`].
    Webhooks,
    /// The setting of [`Allowance::step_name`].
    StepName,
    /// The setting of [`Allowance::value`].
    Value,
    /// The setting of [`Allowance::log`].
    Log,
}

impl Setting {
    /// Returns the setting's name, without dashes before it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Setting::Cpu => "cpu-limit",
            Setting::Memory => "memory-limit",
            Setting::Operations => "operations-limit",
            Setting::Outstanding => "outstanding-limit",
            Setting::Webhooks => "webhooks-limit",
            Setting::StepName => "step-name-limit",
            Setting::Value => "body-limit",
            Setting::Log => "log-limit",
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Stops a guest whose name or value is larger than allowed.
pub(crate) fn check_bytes(
    what: &str,
    size: usize,
    limit: usize,
    setting: Setting,
) -> Result<(), Stop> {
    if size <= limit {
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
    setting: Setting,
) -> Result<(), Stop> {
    if have < usize::try_from(limit).unwrap_or(usize::MAX) {
        return Ok(());
    }
    Err(Stop::Limit(format!(
        "the run has {have} {what}, and the limit is {limit}; make fewer, or raise the host's setting `{setting}`"
    )))
}
