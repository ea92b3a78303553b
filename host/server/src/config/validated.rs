//! The configuration of a host, built only from what is valid.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dormouse_engine::Allowance;
use dormouse_journal::GuestLimits;
use dormouse_outbound::Policy;
use dormouse_runtime::{Limits, Settings};
use dormouse_secret::SecretKeys;
use http::HeaderName;
use tracing_subscriber::EnvFilter;

use super::read::{Reader, address};
use super::{ApiToken, ConfigError, Network, RawConfig, Source, public_url, secret_keys, setting};
use crate::machine::compiler::CompileLimits;
use crate::model::Mask;

/// The configuration of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where everything durable lies.
    pub data_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to listen besides, for webhooks alone.
    pub hooks_listen: Option<SocketAddr>,
    /// What webhooks' URLs begin with, without a slash at the end.
    pub public_url: String,
    /// Whose word about their clients is taken.
    pub trusted_proxies: Vec<Network>,
    /// How long a sender may take for a request's head, and a connection be without a request.
    pub head_timeout: Duration,
    /// How long a sender may take for a body, beside the time that the size of one gives it.
    pub body_timeout: Duration,
    /// Connections at once to one address.
    pub connections_limit: usize,
    /// What guards the API, if anything does.
    pub token: Option<ApiToken>,
    /// Where calls may go.
    pub egress: Policy,
    /// What is logged, in the language of [`EnvFilter`].
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
    /// Headers whose values people do not see.
    pub mask: Mask,
    /// The longest that `Prefer: wait` holds an answer.
    pub max_wait: Duration,
    is_public_url_given: bool,
    limits: Limits,
    retention: u64,
    duplicate_window: u64,
    store_cache: usize,
    verify_store: bool,
    disk_reserve: u64,
    compile: CompileLimits,
    secret_keys: Option<Arc<SecretKeys>>,
}

/// How log events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one JSON object a line.
    Json,
}

/// Less memory than this and no guest starts.
const LEAST_MEMORY: u64 = 1 << 20;

/// The time limit of a child process is in whole seconds.
const LEAST_COMPILE_TIME: u64 = 1_000;

/// Less memory than this and the compiler itself does not start.
const LEAST_COMPILE_MEMORY: u64 = 256 << 20;

/// More connections than this no machine has file descriptors for.
const MOST_CONNECTIONS: u32 = 1 << 20;

/// Slots beyond the instances that may exist at once: one that is dropped leaves its slot a little later than its
/// permit, and a few guests take more of the pool than others.
const SPARE_SLOTS: u32 = 32;

impl Config {
    /// Understands what was given, and reads the token and the keys of secrets.
    ///
    /// # Errors
    /// At the first setting that is not valid, or when the API would be open to others.
    pub fn new(
        raw: &RawConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let read = Reader(raw);
        let listen = read.value(&setting::LISTEN, address)?;
        let hooks_listen = read.optional(&setting::HOOKS_LISTEN, address)?;
        let public_url = read.optional(&setting::PUBLIC_URL, public_url::parse)?;
        let token = confidential(
            raw.get(&setting::API_TOKEN_FILE),
            ApiToken::from_file,
            || ApiToken::from_environment(&variable),
        )?;
        let secret_keys = confidential(
            raw.get(&setting::SECRET_KEY_FILE),
            secret_keys::from_file,
            || secret_keys::from_environment(&variable),
        )?;
        if token.is_none() && !listen.ip().to_canonical().is_loopback() {
            return Err(ConfigError::Unguarded { listen });
        }
        Ok(Config {
            data_dir: read.text(&setting::DATA_DIR)?.unwrap_or_default().into(),
            listen,
            hooks_listen,
            is_public_url_given: public_url.is_some(),
            public_url: public_url
                .unwrap_or_else(|| public_url::of_listener(hooks_listen.unwrap_or(listen))),
            trusted_proxies: read.list(&setting::TRUSTED_PROXIES)?,
            head_timeout: Duration::from_millis(read.span(&setting::HEAD_TIMEOUT, 1)?),
            body_timeout: Duration::from_millis(read.span(&setting::BODY_TIMEOUT, 1)?),
            connections_limit: read.count(&setting::CONNECTIONS_LIMIT, MOST_CONNECTIONS)? as usize,
            token,
            egress: Policy {
                allow_private: read.switch(&setting::ALLOW_PRIVATE_EGRESS)?,
                allow: read.list(&setting::ALLOW_EGRESS)?,
            },
            log: read.value(&setting::LOG, log)?,
            log_format: read.value(&setting::LOG_FORMAT, log_format)?,
            mask: mask(&read)?,
            max_wait: Duration::from_millis(read.span(&setting::MAX_WAIT, 0)?),
            limits: limits(&read)?,
            retention: read.span(&setting::RETENTION, 0)?,
            duplicate_window: read.span(&setting::DUPLICATE_WINDOW, 0)?,
            store_cache: read.size_in_memory(&setting::STORE_CACHE, 0)?,
            verify_store: read.switch(&setting::VERIFY_STORE)?,
            disk_reserve: read.size(&setting::DISK_RESERVE, 0)?,
            compile: CompileLimits {
                time: Duration::from_millis(
                    read.span(&setting::COMPILE_TIME_LIMIT, LEAST_COMPILE_TIME)?,
                ),
                memory: read.size(&setting::COMPILE_MEMORY_LIMIT, LEAST_COMPILE_MEMORY)?,
            },
            secret_keys: secret_keys.map(Arc::new),
        })
    }

    /// With the addresses that the listeners really have: port 0 asks the machine for a free one, and the public URL
    /// follows unless it was given.
    #[must_use]
    pub fn bound(mut self, listen: SocketAddr, hooks_listen: Option<SocketAddr>) -> Self {
        self.listen = listen;
        self.hooks_listen = hooks_listen;
        if !self.is_public_url_given {
            self.public_url = public_url::of_listener(hooks_listen.unwrap_or(listen));
        }
        self
    }

    /// Whether all of the store is read when it is opened.
    #[must_use]
    pub fn verifies_store(&self) -> bool {
        self.verify_store
    }

    /// What the runtime is set to.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            public_url: self.public_url.clone(),
            limits: self.limits.clone(),
            retention: self.retention,
            duplicate_window: self.duplicate_window,
            store_cache: self.store_cache,
            verify_store: self.verify_store,
            disk_reserve: self.disk_reserve,
            secret_keys: self.secret_keys.clone(),
            rebuild_after_step: false,
        }
    }

    /// What the engine is set to.
    #[must_use]
    pub fn engine(&self) -> dormouse_engine::Config {
        dormouse_engine::Config {
            slots: self.limits.instances + SPARE_SLOTS,
        }
    }

    /// How calls are made.
    #[must_use]
    pub fn outbound(&self) -> dormouse_outbound::Settings {
        dormouse_outbound::Settings {
            policy: self.egress.clone(),
            max_response_bytes: self.limits.body,
            ..dormouse_outbound::Settings::default()
        }
    }

    /// What compiling one component may take.
    #[must_use]
    pub fn compile_limits(&self) -> CompileLimits {
        self.compile
    }
}

fn limits(read: &Reader<'_>) -> Result<Limits, ConfigError> {
    let body = read.size(&setting::BODY_LIMIT, 1)?;
    Ok(Limits {
        component: read.size(&setting::COMPONENT_LIMIT, 1)?,
        body,
        inbox: read.count(&setting::INBOX_LIMIT, u32::MAX)?,
        inbox_bytes: read.size(&setting::INBOX_BYTES_LIMIT, 1)?,
        host_inbox_bytes: read.size(&setting::HOST_INBOX_BYTES_LIMIT, 1)?,
        webhook_rate: read.number(&setting::WEBHOOK_RATE_LIMIT, 0, u32::MAX)?,
        host_rate: read.number(&setting::HOST_RATE_LIMIT, 0, u32::MAX)?,
        reply_wait: read.span(&setting::REPLY_WAIT_LIMIT, 1)?,
        held_replies: read.count(&setting::HELD_REPLIES, 1 << 20)?,
        signature_tolerance: read.span(&setting::SIGNATURE_TOLERANCE, 0)?,
        journal: read.size(&setting::JOURNAL_LIMIT, 1)?,
        guest: GuestLimits {
            memory: read.size(&setting::MEMORY_LIMIT, LEAST_MEMORY)?,
            stack: dormouse_engine::WASM_STACK as u64,
        },
        allowance: Arc::new(Allowance {
            cpu: Duration::from_millis(read.span(&setting::CPU_LIMIT, 1)?),
            operations: read.count(&setting::OPERATIONS_LIMIT, u32::MAX)?,
            outstanding: read.count(&setting::OUTSTANDING_LIMIT, u32::MAX)?,
            webhooks: read.count(&setting::WEBHOOKS_LIMIT, u32::MAX)?,
            step_name: read.size_in_memory(&setting::STEP_NAME_LIMIT, 1)?,
            value: usize::try_from(body).unwrap_or(usize::MAX),
            log: read.size_in_memory(&setting::LOG_LIMIT, 0)?,
        }),
        instances: read.count(&setting::INSTANCES, 1 << 16)?,
        warm_memory: read.size(&setting::WARM_MEMORY, 0)?,
        calls_in_flight: read.count(&setting::CALLS_IN_FLIGHT, 1 << 16)?,
        call_timeout: read.span(&setting::CALL_TIMEOUT, 1)?,
    })
}

/// What a file or a variable holds that nobody should see. A file named on the command line goes before the variable,
/// and that before a file named elsewhere: what is nearer to the person wins, as with every setting.
fn confidential<T>(
    file: Option<(&str, &Source)>,
    from_file: impl Fn(&Path) -> Result<T, ConfigError>,
    from_environment: impl FnOnce() -> Result<Option<T>, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    if let Some((path, Source::CommandLine)) = file {
        return from_file(Path::new(path)).map(Some);
    }
    if let Some(held) = from_environment()? {
        return Ok(Some(held));
    }
    file.map(|(path, _)| from_file(Path::new(path))).transpose()
}

fn log(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!(
            "{error}; give a level such as info, or levels by module such as info,dormouse=debug"
        )),
    }
}

/// Header names that could stand in no request would mask nothing, and so are mistakes.
fn mask(read: &Reader<'_>) -> Result<Mask, ConfigError> {
    let names: Vec<HeaderName> = read.list(&setting::MASK_HEADERS)?;
    Ok(Mask::default().with(names.iter().map(HeaderName::to_string)))
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("give text or json"),
    }
}
