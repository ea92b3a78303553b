//! The settings: a table of those that are no limits, and the limits.
//!
//! A setting has one name, written `--data-dir` on the command line, `DORMOUSE_DATA_DIR` in the environment and
//! `data-dir` in the file. Errors that come from a limit, also those of the engine and the runtime, name it so.

use std::borrow::Cow;
use std::sync::LazyLock;

use dormouse_limits::{Limit, Unit};

/// A setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it is when it is not given. Settings without one are off, or follow from another.
    pub default: Option<Cow<'static, str>>,
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
    /// A limit's value.
    Limit(Unit),
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
            Kind::Limit(Unit::Size) => "SIZE",
            Kind::Limit(Unit::Span) => "TIME",
            Kind::Limit(Unit::Count) => "NUMBER",
        }
    }
}

impl Setting {
    /// The setting of a limit.
    #[must_use]
    pub fn of(limit: &'static Limit) -> Self {
        Setting {
            name: limit.name,
            kind: Kind::Limit(limit.unit),
            default: Some(limit.written(limit.default).into()),
            help: limit.help,
        }
    }

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
    WHEN_BROKEN: "when-broken", Word, Some("block"),
        "What becomes of a run whose code breaks (a trap, a panic, a limit, a wait that nothing can end): block, so that it \
         can be retried with better code, or fail. A workflow's own setting goes before";
    API_TOKEN_FILE: "api-token-file", Path, None,
        "A file that holds the token which callers of the API must present. DORMOUSE_API_TOKEN can hold the token \
         itself";
    SECRET_KEY_FILE: "secret-key-file", Path, None,
        "A file that holds the keys which secrets are sealed with, one a line, as `openssl rand -base64 32` makes them: \
         the first one seals, all of them open. DORMOUSE_SECRET_KEY can hold the keys themselves";
    PROVIDERS_DIR: "providers-dir", Path, None,
        "A folder of descriptions of providers (NAME.toml), beside those that come with the host. Each is tried by its \
         vectors at the start";
    ALLOW_OPEN_FILES: "allow-open-files", Switch, Some("false"),
        "Warns of a data directory, or a file with the token or with keys, that other users may read or write, instead of \
         refusing it";
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
    VERIFY_STORE: "verify-store", Switch, Some("true"),
        "Verifies all that is stored at each start, which takes as long as reading it. Without it a start takes no time, \
         every write takes longer, and damage to the disk goes unnoticed";
    PAUSED: "paused", Switch, Some("false"),
        "Starts with the host paused, so that after an incident somebody can look, cancel and repair first: requests, events \
         and starts are kept, and nothing is executed or sent. It stays paused, also at later starts without this, until \
         `dormouse resume --host`";
}
