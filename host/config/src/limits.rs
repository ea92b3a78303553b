//! The limits, each with the bounds that a value of it has. Why there are such limits is said in ARCHITECTURE.md.

use super::read::Reader;
use super::{ConfigError, setting};

/// The limits. Spans of time are in milliseconds, sizes in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `component-limit`
    pub component: u64,
    /// `body-limit`
    pub body: u64,
    /// `inbox-limit`
    pub inbox: u32,
    /// `inbox-bytes-limit`
    pub inbox_bytes: u64,
    /// `host-inbox-bytes-limit`
    pub host_inbox_bytes: u64,
    /// `webhook-rate-limit`; 0 for any number.
    pub webhook_rate: u32,
    /// `host-rate-limit`; 0 for any number.
    pub host_rate: u32,
    /// `reply-wait-limit`
    pub reply_wait: u64,
    /// `held-replies`
    pub held_replies: u32,
    /// `signature-tolerance`
    pub signature_tolerance: u64,
    /// `journal-limit`
    pub journal: u64,
    /// `memory-limit`
    pub memory: u64,
    /// `cpu-limit`
    pub cpu: u64,
    /// `operations-limit`
    pub operations: u32,
    /// `outstanding-limit`
    pub outstanding: u32,
    /// `webhooks-limit`
    pub webhooks: u32,
    /// `step-name-limit`
    pub step_name: usize,
    /// `log-limit`
    pub log: usize,
    /// `instances`
    pub instances: u32,
    /// `warm-memory`
    pub warm_memory: u64,
    /// `calls-in-flight`
    pub calls_in_flight: u32,
    /// `call-timeout`
    pub call_timeout: u64,
    /// `compile-time-limit`
    pub compile_time: u64,
    /// `compile-memory-limit`
    pub compile_memory: u64,
}

/// Less memory than this and no guest starts.
const LEAST_MEMORY: u64 = 1 << 20;

/// The time limit of a child process is in whole seconds.
const LEAST_COMPILE_TIME: u64 = 1_000;

/// Less memory than this and the compiler itself does not start.
const LEAST_COMPILE_MEMORY: u64 = 256 << 20;

impl Limits {
    pub(super) fn read(read: &Reader<'_>) -> Result<Self, ConfigError> {
        Ok(Limits {
            component: read.size(&setting::COMPONENT_LIMIT, 1)?,
            body: read.size(&setting::BODY_LIMIT, 1)?,
            inbox: read.count(&setting::INBOX_LIMIT, u32::MAX)?,
            inbox_bytes: read.size(&setting::INBOX_BYTES_LIMIT, 1)?,
            host_inbox_bytes: read.size(&setting::HOST_INBOX_BYTES_LIMIT, 1)?,
            webhook_rate: read.number(&setting::WEBHOOK_RATE_LIMIT, 0, u32::MAX)?,
            host_rate: read.number(&setting::HOST_RATE_LIMIT, 0, u32::MAX)?,
            reply_wait: read.span(&setting::REPLY_WAIT_LIMIT, 1)?,
            held_replies: read.count(&setting::HELD_REPLIES, 1 << 20)?,
            signature_tolerance: read.span(&setting::SIGNATURE_TOLERANCE, 0)?,
            journal: read.size(&setting::JOURNAL_LIMIT, 1)?,
            memory: read.size(&setting::MEMORY_LIMIT, LEAST_MEMORY)?,
            cpu: read.span(&setting::CPU_LIMIT, 1)?,
            operations: read.count(&setting::OPERATIONS_LIMIT, u32::MAX)?,
            outstanding: read.count(&setting::OUTSTANDING_LIMIT, u32::MAX)?,
            webhooks: read.count(&setting::WEBHOOKS_LIMIT, u32::MAX)?,
            step_name: read.size_in_memory(&setting::STEP_NAME_LIMIT, 1)?,
            log: read.size_in_memory(&setting::LOG_LIMIT, 0)?,
            instances: read.count(&setting::INSTANCES, 1 << 16)?,
            warm_memory: read.size(&setting::WARM_MEMORY, 0)?,
            calls_in_flight: read.count(&setting::CALLS_IN_FLIGHT, 1 << 16)?,
            call_timeout: read.span(&setting::CALL_TIMEOUT, 1)?,
            compile_time: read.span(&setting::COMPILE_TIME_LIMIT, LEAST_COMPILE_TIME)?,
            compile_memory: read.size(&setting::COMPILE_MEMORY_LIMIT, LEAST_COMPILE_MEMORY)?,
        })
    }
}
