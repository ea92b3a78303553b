//! The table of limits. ARCHITECTURE.md gives the reasons for the defaults.

use std::ops::RangeInclusive;

use crate::limit::{Limit, Unit};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Any number.
const ANY: RangeInclusive<u64> = 0..=u64::MAX;

/// Any number but 0.
const SOME: RangeInclusive<u64> = 1..=u64::MAX;

/// Any count.
const ANY_COUNT: RangeInclusive<u64> = 0..=u32::MAX as u64;

/// Any count but 0.
const SOME_COUNT: RangeInclusive<u64> = 1..=u32::MAX as u64;

/// Limits on things with file descriptors or waiting tasks. No machine has more of them.
const MILLION: RangeInclusive<u64> = 1..=1 << 20;

/// A head of 64 KiB has room for at most about 16,000 fields.
const FIELDS: RangeInclusive<u64> = 1..=10_000;

/// Limits on things that need address space each. Linux lets a process map fewer than 65,536.
const MAPPED: RangeInclusive<u64> = 1..=1 << 16;

/// With less than a mebibyte of memory, no guest starts.
const GUEST_MEMORY: RangeInclusive<u64> = MIB..=u64::MAX;

/// The time limit of a child process is in whole seconds.
const CHILD_TIME: RangeInclusive<u64> = SECOND..=u64::MAX;

/// With less memory than this, the compiler itself does not start.
const CHILD_MEMORY: RangeInclusive<u64> = 256 * MIB..=u64::MAX;

/// Finding out whether a run is below another goes one level at a time.
const LEVELS: RangeInclusive<u64> = 1..=1_000;

/// The type of a limit's value.
macro_rules! value {
    (Size) => {
        u64
    };
    (Span) => {
        u64
    };
    (Count) => {
        u32
    };
}

macro_rules! limits {
    ($($constant:ident, $field:ident: $name:literal, $unit:ident, $default:expr, $bounds:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: &Limit = &Limit {
                name: $name,
                unit: Unit::$unit,
                default: $default,
                bounds: $bounds,
                help: $help,
            };
        )*

        /// All limits, in the order of `dormouse serve --help`.
        pub const ALL: &[&Limit] = &[$($constant),*];

        /// The values of all limits. Sizes are in bytes, spans of time in milliseconds.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct Limits {
            $(
                #[doc = $help]
                pub $field: value!($unit),
            )*
        }

        impl Limits {
            /// Asks for the value of each limit. A count beyond 32 bits, which no limit's bounds allow, is cut off.
            ///
            /// # Errors
            /// At the first limit for which `value` returns an error.
            pub fn read<E>(mut value: impl FnMut(&'static Limit) -> Result<u64, E>) -> Result<Self, E> {
                Ok(Limits {
                    $($field: value($constant)?.try_into().unwrap_or(<value!($unit)>::MAX),)*
                })
            }

            /// Returns each limit with its value.
            pub fn values(&self) -> impl Iterator<Item = (&'static Limit, u64)> {
                [$(($constant, u64::from(self.$field)),)*].into_iter()
            }
        }

        impl Default for Limits {
            fn default() -> Self {
                match Limits::read(|limit| Ok::<u64, std::convert::Infallible>(limit.default)) {
                    Ok(limits) => limits,
                    Err(never) => match never {},
                }
            }
        }
    };
}

limits! {
    MEMORY_BUDGET, memory_budget: "memory-budget", Size, 0, ANY,
        "Memory for bodies, calls and guests together. 0B means what the machine or its cgroup has, less what the host \
         itself needs";
    COMPONENT, component: "component-limit", Size, 64 * MIB, SOME, "Size of a component";
    BODY, body: "body-limit", Size, 16 * MIB, SOME,
        "Size of one body: of a webhook's request, an input, an output, an event, a response to a call, a step's value";
    INBOX, inbox: "inbox-limit", Count, 1_000, SOME_COUNT,
        "Requests in the inbox of a webhook, which are accepted and not taken by the run yet";
    INBOX_BYTES, inbox_bytes: "inbox-bytes-limit", Size, 64 * MIB, SOME,
        "Size of all requests in the inbox of a webhook";
    HOST_INBOX_BYTES, host_inbox_bytes: "host-inbox-bytes-limit", Size, 4 * GIB, SOME,
        "Size of all requests in the inboxes of all webhooks";
    WEBHOOK_RATE, webhook_rate: "webhook-rate-limit", Count, 1_000, ANY_COUNT,
        "Requests per second to one webhook, and as many in one burst; 0 for no limit";
    HOST_RATE, host_rate: "host-rate-limit", Count, 20_000, ANY_COUNT,
        "Requests per second to all webhooks together, and as many in one burst; 0 for no limit";
    REPLY_WAIT, reply_wait: "reply-wait-limit", Span, MINUTE, SOME,
        "The longest that a caller of a webhook waits for an answer of the workflow";
    HELD_REPLIES, held_replies: "held-replies", Count, 1_024, MILLION,
        "Callers that wait for an answer of a workflow at the same time; further ones are refused";
    SIGNATURE_TOLERANCE, signature_tolerance: "signature-tolerance", Span, 5 * MINUTE, ANY,
        "How far the time in a signature may be from the host's time, unless the webhook or the provider's description \
         says otherwise";
    SIGNATURE_TOLERANCE_LIMIT, signature_tolerance_limit: "signature-tolerance-limit", Span, 7 * DAY, ANY,
        "The largest tolerance that a webhook or a provider's description may ask for";
    HEAD_TIMEOUT, head_timeout: "head-timeout", Span, 30 * SECOND, SOME,
        "How long a client may take to send a request's head, and how long a connection may be without a request";
    BODY_TIMEOUT, body_timeout: "body-timeout", Span, 30 * SECOND, SOME,
        "How long a client may take to send a body, plus one second for each 16 KiB that came";
    HEADER_FIELDS, header_fields: "header-fields-limit", Count, 100, FIELDS, "Header fields of a request";
    CONNECTIONS, connections: "connections-limit", Count, 10_000, MILLION,
        "Connections to one address at the same time; further ones replace unused ones, or wait";
    MEMORY, memory: "memory-limit", Size, 256 * MIB, GUEST_MEMORY,
        "Memory of a run. A run keeps the limit that it was started with";
    CPU, cpu: "cpu-limit", Span, 5 * SECOND, SOME, "Processor time of a run between one wait and the next";
    OPERATIONS, operations: "operations-limit", Count, 250_000, SOME_COUNT, "Operations of a run";
    JOURNAL, journal: "journal-limit", Size, GIB, SOME, "Size of a run's journal";
    STORAGE, storage: "storage-limit", Size, 2 * GIB, SOME,
        "Disk space that a run takes. Beyond it the run fails, and those who send to it are refused";
    WORKFLOW_STORAGE, workflow_storage: "workflow-storage-limit", Size, 16 * GIB, SOME,
        "Disk space that all runs of a workflow take together. Beyond it no run of it is started, and those who send \
         to its runs are refused";
    OUTSTANDING, outstanding: "outstanding-limit", Count, 10_000, SOME_COUNT,
        "Operations of a run that wait at the same time";
    WEBHOOKS, webhooks: "webhooks-limit", Count, 10_000, SOME_COUNT, "Webhooks of a run";
    CHILDREN, children: "children-limit", Count, 10_000, SOME_COUNT,
        "Runs that a run started and that have not ended";
    DEPTH, depth: "depth-limit", Count, 100, LEVELS,
        "Runs above a run: the one that started it, the one that started that, and so on";
    TIMEOUT_GRACE, timeout_grace: "timeout-grace", Span, 30 * SECOND, ANY,
        "How long a run may take to end by itself after its timeout, before it is cancelled";
    STEP_NAME, step_name: "step-name-limit", Size, 256, SOME, "Size of the name of a step or of an event";
    LOG, log: "log-limit", Size, MIB, ANY, "Size of a run's log; further lines are dropped";
    INSTANCES, instances: "instances", Count, 4_096, MAPPED,
        "Instances in memory at the same time, of which each workflow has a share; further runs wait for their turn";
    WARM_MEMORY, warm_memory: "warm-memory", Size, GIB, ANY,
        "Memory for the instances of runs that wait, which are kept to save a replay";
    STORE_CACHE, store_cache: "store-cache", Size, 32 * MIB, ANY,
        "Memory for what was read from the data directory. The operating system caches more of it in free memory";
    DISK_RESERVE, disk_reserve: "disk-reserve", Size, 64 * MIB, ANY,
        "Space on the disk of the data directory that is kept free, in a file, for housekeeping; at most half of the \
         disk";
    RETENTION, retention: "retention", Span, 7 * DAY, ANY, "How long a run is kept after it has ended";
    BROKEN_RETENTION, broken_retention: "broken-retention", Span, 30 * DAY, ANY,
        "How long a run whose code broke, or that failed, can be repaired before it is given up";
    DUPLICATE_WINDOW, duplicate_window: "duplicate-window", Span, DAY, ANY,
        "How long a request that is sent again is recognised as a repeat";
    CALL_TIMEOUT, call_timeout: "call-timeout", Span, 2 * MINUTE, SOME,
        "Timeout of one attempt at a call, unless the workflow sets one";
    CALL_TIMEOUT_LIMIT, call_timeout_limit: "call-timeout-limit", Span, 2 * HOUR, SOME,
        "Longest timeout of one attempt at a call, whatever the workflow sets";
    CALLS_IN_FLIGHT, calls_in_flight: "calls-in-flight", Count, 1_024, MAPPED,
        "Calls made at the same time, of which each run and each workflow has a share; further calls wait for their \
         turn";
    COMPILE_TIME, compile_time: "compile-time-limit", Span, MINUTE, CHILD_TIME, "Processor time for compiling a component";
    COMPILE_MEMORY, compile_memory: "compile-memory-limit", Size, 2 * GIB, CHILD_MEMORY,
        "Memory for compiling a component";
    MAX_WAIT, max_wait: "max-wait", Span, MINUTE, ANY, "The longest that an answer is delayed by `Prefer: wait`";
}
