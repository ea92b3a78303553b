//! The settings: a table of those that are not limits, and the limits.
//!
//! A setting has one name, written `--data-dir` on the command line, `DORMOUSE_DATA_DIR` in the environment and
//! `data-dir` in the file. Errors that come from a limit, including those of the engine and the runtime, use
//! this name.

use std::borrow::Cow;
use std::sync::LazyLock;

use dormouse_limits::{Limit, Unit};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The name of the setting.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: Kind,
    /// The value if none is given. A setting without a default is off, or follows from another.
    pub default: Option<Cow<'static, str>>,
    /// The help text.
    pub help: &'static str,
}

/// The kind of a setting's value.
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
    /// Several values, separated by commas on one line.
    List,
    /// One of a few words.
    Word,
    /// A filter of log events.
    Filter,
    /// The value of a limit.
    Limit(Unit),
}

impl Kind {
    /// Returns the placeholder for a value in help texts.
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
            Kind::Limit(Unit::Size) => "SIZE",
            Kind::Limit(Unit::Span) => "TIME",
            Kind::Limit(Unit::Count) => "NUMBER",
        }
    }
}

impl Setting {
    /// Returns the setting of a limit.
    #[must_use]
    pub fn of(limit: &'static Limit) -> Self {
        Setting {
            name: limit.name,
            kind: Kind::Limit(limit.unit),
            default: Some(limit.written(limit.default).into()),
            help: limit.help,
        }
    }

    /// Returns the name in the environment.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("DORMOUSE_{}", self.name.replace('-', "_").to_uppercase())
    }
}

macro_rules! settings {
    ($($constant:ident: $name:literal, $kind:ident, $default:expr, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $constant: Setting = Setting {
                name: $name,
                kind: Kind::$kind,
                default: match $default {
                    Some(default) => Some(Cow::Borrowed(default)),
                    None => None,
                },
                help: $help,
            };
        )*

        /// All settings, in the order of `dormouse serve --help`.
        pub static ALL: LazyLock<Vec<Setting>> = LazyLock::new(|| {
            let limits = dormouse_limits::ALL.iter().copied();
            [$($constant),*].into_iter().chain(limits.map(Setting::of)).collect()
        });
    };
}

settings! {
    DATA_DIR: "data-dir", Path, Some("./dormouse-data"),
        "The folder in which the host keeps everything; created if it does not exist";
    LISTEN: "listen", Address, Some("127.0.0.1:4100"),
        "The address on which the host serves its API, webhooks and triggers. An address that other machines can reach \
         needs an API token";
    HOOKS_LISTEN: "hooks-listen", Address, None,
        "A second address, on which the host serves only webhooks and triggers. If the outside world can reach only this \
         address, it cannot reach the API";
    PUBLIC_URL: "public-url", Url, None,
        "The URL under which the outside world reaches this host. The URLs of webhooks begin with it [default: http:// \
         and the address on which webhooks are served]";
    TRUSTED_PROXIES: "trusted-proxies", List, None,
        "Networks (10.0.0.0/8) and addresses (127.0.0.1) of proxies whose headers Forwarded or X-Forwarded-For, -Proto \
         and -Host are believed. Such a proxy must set these headers itself, whatever its clients send";
    WHEN_BROKEN: "when-broken", Word, Some("block"),
        "What becomes of a run whose code breaks (a trap, a panic, a limit, a wait that nothing can end): block, so \
         that it can be retried with better code, or fail. A workflow's own setting takes precedence";
    API_TOKEN_FILE: "api-token-file", Path, None,
        "A file with the token that callers of the API must present. DORMOUSE_API_TOKEN can hold the token itself";
    SECRET_KEY_FILE: "secret-key-file", Path, None,
        "A file with the keys that secrets are sealed with, one on each line, as `openssl rand -base64 32` makes them. \
         The first key seals, and every key opens what it has sealed. DORMOUSE_SECRET_KEY can hold the keys themselves";
    PROVIDERS_DIR: "providers-dir", Path, None,
        "A folder with descriptions of providers (NAME.toml), in addition to those that come with the host. The host \
         runs the vectors of each when it starts";
    ALLOW_OPEN_FILES: "allow-open-files", Switch, Some("false"),
        "Starts although other users may read or write the data directory, or a file with the token or with keys, and \
         warns of it";
    ALLOW_PRIVATE_EGRESS: "allow-private-egress", Switch, Some("false"),
        "Lets workflows call loopback, private and link-local addresses";
    ALLOW_EGRESS: "allow-egress", List, None,
        "Private addresses that workflows may call: networks (10.1.0.0/16), addresses (10.1.2.3), or \
         names with a port (internal.example:443)";
    LOG: "log", Filter, Some("info"),
        "What is logged: a level (error, warn, info, debug, trace), or levels by module (info,dormouse_runtime=debug). \
         Libraries log nothing finer than debug";
    LOG_FORMAT: "log-format", Word, Some("text"), "The format of the log: text or json";
    MASK_HEADERS: "mask-headers", List, None,
        "Headers (X-Api-Key) whose values are hidden from people, in addition to the usual credentials and signatures. \
         Runs get the values";
    VERIFY_STORE: "verify-store", Switch, Some("true"),
        "Verifies everything that is stored each time the host starts, which takes as long as reading it. If false, a \
         start takes no time, every write takes longer, and damage to the disk goes unnoticed";
    PAUSED: "paused", Switch, Some("false"),
        "Starts with the host paused, so that after an incident somebody can look, cancel and repair first: requests, \
         events and starts are kept, and nothing is executed or sent. The host stays paused until `dormouse resume \
         --host`, also if it is started again without this option";
}
