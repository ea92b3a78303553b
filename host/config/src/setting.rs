//! The table of settings.
//!
//! A setting has one name, written `--data-dir` on the command line, `DORMOUSE_DATA_DIR` in the environment and
//! `data-dir` in the file. Errors that come from a limit, also those of the engine and the runtime, name it so.

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is when it is not given. Settings without one are off, or follow from another.
    pub default: Option<&'static str>,
    /// What it is for.
    pub help: &'static str,
}

/// What kind of value a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A path.
    Path,
    /// An address and a port.
    Address,
    /// A URL.
    Url,
    /// `true` or `false`.
    Switch,
    /// Several, with commas between them on one line.
    List,
    /// One of a few words.
    Word,
    /// A filter of log events.
    Filter,
    /// Bytes.
    Size,
    /// A span of time.
    Span,
    /// A number.
    Count,
}

impl Kind {
    /// How a value is written in help texts.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::Path => "PATH",
            Kind::Address => "ADDRESS",
            Kind::Url => "URL",
            Kind::Switch => "BOOL",
            Kind::List => "LIST",
            Kind::Word => "WORD",
            Kind::Filter => "FILTER",
            Kind::Size => "SIZE",
            Kind::Span => "TIME",
            Kind::Count => "NUMBER",
        }
    }
}

impl Setting {
    /// Its name in the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("DORMOUSE_{}", self.name.replace('-', "_").to_uppercase())
    }
}

macro_rules! settings {
    ($($constant:ident: $name:literal, $kind:ident, $default:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Setting =
                Setting { name: $name, kind: Kind::$kind, default: $default, help: $help };
        )*

        /// All settings, in the order of `dormouse serve --help`.
        pub const ALL: &[Setting] = &[$($constant),*];
    };
}

settings! {
    DATA_DIR: "data-dir", Path, Some("./dormouse-data"),
        "Where everything durable lies; made if it does not exist";
    LISTEN: "listen", Address, Some("127.0.0.1:4100"),
        "Where to listen. An address that others can reach needs an API token";
    HOOKS_LISTEN: "hooks-listen", Address, None,
        "Where to listen besides, for webhooks alone: let the outside world reach this address, and keep the API to \
         yourself";
    PUBLIC_URL: "public-url", Url, None,
        "What webhooks' URLs begin with: how the outside world reaches this host [default: http:// and the address \
         listened on for webhooks]";
    TRUSTED_PROXIES: "trusted-proxies", List, None,
        "Networks (10.0.0.0/8) and addresses (127.0.0.1) of proxies whose headers Forwarded or X-Forwarded-For, -Proto \
         and -Host are believed. Such a proxy must set them itself, whatever its clients send";
    API_TOKEN_FILE: "api-token-file", Path, None,
        "A file that holds the token which callers of the API must present. DORMOUSE_API_TOKEN can hold the token \
         itself";
    SECRET_KEY_FILE: "secret-key-file", Path, None,
        "A file that holds the keys which secrets are sealed with, one a line, as `openssl rand -base64 32` makes them: \
         the first one seals, all of them open. DORMOUSE_SECRET_KEY can hold the keys themselves";
    ALLOW_PRIVATE_EGRESS: "allow-private-egress", Switch, Some("false"),
        "Lets workflows call loopback, private and link-local addresses";
    ALLOW_EGRESS: "allow-egress", List, None,
        "Places that workflows may call although they are private: networks (10.1.0.0/16), addresses (10.1.2.3), or \
         names with a port (internal.example:443)";
    LOG: "log", Filter, Some("info"),
        "What is logged: a level (error, warn, info, debug, trace), or levels by module (info,dormouse_runtime=debug). \
         Libraries log nothing finer than debug";
    LOG_FORMAT: "log-format", Word, Some("text"), "How it is logged: text or json";
    MASK_HEADERS: "mask-headers", List, None,
        "Headers (X-Api-Key) whose values are not shown to people, beside the usual credentials and signatures. Runs get \
         them whole";
    COMPONENT_LIMIT: "component-limit", Size, Some("64MiB"), "Size of a component";
    BODY_LIMIT: "body-limit", Size, Some("16MiB"),
        "Size of one body: of a webhook's request, an input, an output, an event, a response to a call, a step's value";
    INBOX_LIMIT: "inbox-limit", Count, Some("1000"), "Requests that a webhook keeps until they are taken";
    INBOX_BYTES_LIMIT: "inbox-bytes-limit", Size, Some("64MiB"), "Size of all of them together";
    HOST_INBOX_BYTES_LIMIT: "host-inbox-bytes-limit", Size, Some("4GiB"), "Size of what all webhooks keep together";
    WEBHOOK_RATE_LIMIT: "webhook-rate-limit", Count, Some("1000"),
        "Requests a second to one webhook, and as many at once; 0 for no limit";
    HOST_RATE_LIMIT: "host-rate-limit", Count, Some("20000"), "The same for all webhooks together";
    REPLY_WAIT_LIMIT: "reply-wait-limit", Span, Some("60s"),
        "The longest that a webhook which its workflow answers holds its caller";
    HELD_REPLIES: "held-replies", Count, Some("1024"), "Callers held so at once; further ones are refused";
    SIGNATURE_TOLERANCE: "signature-tolerance", Span, Some("5m"),
        "How far the time in a webhook's signature may be from now";
    HEAD_TIMEOUT: "head-timeout", Span, Some("30s"),
        "How long a sender may take for a request's head, and how long a connection may be without a request";
    BODY_TIMEOUT: "body-timeout", Span, Some("30s"),
        "How long a sender may take for a body, beside one second for each 16 KiB that came";
    CONNECTIONS_LIMIT: "connections-limit", Count, Some("10000"),
        "Connections at once to one address listened on; further ones wait";
    MEMORY_LIMIT: "memory-limit", Size, Some("256MiB"),
        "Memory of a run. A run keeps the limit that it was started with";
    CPU_LIMIT: "cpu-limit", Span, Some("5s"), "Processor time of a run between one wait and the next";
    OPERATIONS_LIMIT: "operations-limit", Count, Some("250000"), "Operations of a run";
    JOURNAL_LIMIT: "journal-limit", Size, Some("1GiB"), "Size of a run's journal";
    OUTSTANDING_LIMIT: "outstanding-limit", Count, Some("10000"), "Operations of a run that wait at once";
    WEBHOOKS_LIMIT: "webhooks-limit", Count, Some("10000"), "Webhooks of a run";
    STEP_NAME_LIMIT: "step-name-limit", Size, Some("256"), "Size of a step name, and of an event's name";
    LOG_LIMIT: "log-limit", Size, Some("1MiB"), "Size of a run's log; what goes beyond is dropped";
    INSTANCES: "instances", Count, Some("4096"), "Instances in memory at once; further runs wait for their turn";
    WARM_MEMORY: "warm-memory", Size, Some("1GiB"), "Memory for the instances of runs that are asleep";
    STORE_CACHE: "store-cache", Size, Some("32MiB"),
        "Memory for what was read from the data directory. The operating system keeps more of it in memory that is free";
    VERIFY_STORE: "verify-store", Switch, Some("true"),
        "Verifies all that is stored at each start, which takes as long as reading it. Without it a start takes no time, \
         every write takes longer, and damage to the disk goes unnoticed";
    DISK_RESERVE: "disk-reserve", Size, Some("64MiB"),
        "What must be free on the disk of the data directory for anything to be written";
    RETENTION: "retention", Span, Some("7d"), "How long a run is kept after its end";
    DUPLICATE_WINDOW: "duplicate-window", Span, Some("24h"), "How long a repeated request is known as one";
    CALL_TIMEOUT: "call-timeout", Span, Some("30s"), "For one attempt at a call whose workflow does not say";
    CALLS_IN_FLIGHT: "calls-in-flight", Count, Some("1024"), "Calls made at once; further calls wait for their turn";
    COMPILE_TIME_LIMIT: "compile-time-limit", Span, Some("60s"), "Processor time for compiling a component";
    COMPILE_MEMORY_LIMIT: "compile-memory-limit", Size, Some("2GiB"), "Memory for compiling a component";
    MAX_WAIT: "max-wait", Span, Some("60s"), "The longest that `Prefer: wait` holds an answer";
}
