//! The configuration of a host, which is built only from valid settings.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dormouse_limits::{Limit, Limits};
use dormouse_outbound::Policy;
use dormouse_secret::SecretKeys;
use dormouse_webhook::provider::Providers;
use http::HeaderName;
use tracing_subscriber::EnvFilter;

use super::private::{PrivateFiles, UnsafePermissions};
use super::read::{Reader, address};
use super::{
    ApiToken, ConfigError, Network, RawConfig, Source, providers, public_url, secret_keys, setting,
};

/// The configuration of a host.
#[derive(Debug, Clone)]
pub struct Config {
    /// The directory of everything durable.
    pub data_dir: PathBuf,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// A second address to listen on, for webhooks only.
    pub hooks_listen: Option<SocketAddr>,
    /// The beginning of the URLs of webhooks, without a slash at the end.
    pub public_url: String,
    /// The proxies whose headers about their clients are believed.
    pub trusted_proxies: Vec<Network>,
    /// The token that guards the API, if there is one.
    pub token: Option<ApiToken>,
    /// The policy that decides where calls may go.
    pub egress: Policy,
    /// The filter of the log, in the language of [`EnvFilter`].
    pub log: String,
    /// The format of the log.
    pub log_format: LogFormat,
    /// Headers whose values are not shown, in addition to those that are never shown.
    pub mask_headers: Vec<HeaderName>,
    /// True if a run whose code breaks is blocked, false if it fails.
    pub blocks_broken: bool,
    /// The limits.
    pub limits: Limits,
    /// Seals and opens secrets. Without keys, the host can use no secrets.
    pub secret_keys: Option<Arc<SecretKeys>>,
    /// The providers whose webhooks the host knows.
    pub providers: Providers,
    is_public_url_given: bool,
    /// The limits that were given, by name.
    given_limits: Vec<&'static str>,
    /// True if the whole store is verified when it is opened.
    pub verify_store: bool,
    /// True if the host is paused when it starts.
    pub paused: bool,
    /// True if a data directory and confidential files that other users can open are accepted, with a warning.
    pub allow_open_files: bool,
    /// The confidential files that were accepted although other users can open them.
    pub open_files: Vec<UnsafePermissions>,
}

/// The format of log events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text for people.
    Text,
    /// JSON for programs, one object a line.
    Json,
}

impl Config {
    /// Checks the given settings, and reads the token and the keys of secrets.
    ///
    /// # Errors
    /// At the first setting that is not valid, or when others could use the API.
    pub fn new(
        raw: &RawConfig,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let read = Reader(raw);
        let listen = read.value(&setting::LISTEN, address)?;
        let hooks_listen = read.optional(&setting::HOOKS_LISTEN, address)?;
        let public_url = read.optional(&setting::PUBLIC_URL, public_url::parse)?;
        let files = PrivateFiles {
            is_open_allowed: read.switch(&setting::ALLOW_OPEN_FILES)?,
            open: RefCell::default(),
        };
        let token = confidential(
            raw.get(&setting::API_TOKEN_FILE),
            |path| ApiToken::from_private_file(&files, path),
            || ApiToken::from_environment(&variable),
        )?;
        let secret_keys = confidential(
            raw.get(&setting::SECRET_KEY_FILE),
            |path| secret_keys::from_file(&files, path),
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
            token,
            egress: Policy {
                allow_private: read.switch(&setting::ALLOW_PRIVATE_EGRESS)?,
                allow: read.list(&setting::ALLOW_EGRESS)?,
            },
            log: read.value(&setting::LOG, log)?,
            log_format: read.value(&setting::LOG_FORMAT, log_format)?,
            // A header name that no request can have would mask nothing, so it is a mistake.
            mask_headers: read.list(&setting::MASK_HEADERS)?,
            blocks_broken: read.value(&setting::WHEN_BROKEN, blocks_broken)?,
            limits: Limits::read(|limit| read.limit(limit))?,
            given_limits: dormouse_limits::ALL
                .iter()
                .filter(|limit| raw.get(&setting::Setting::of(limit)).is_some())
                .map(|limit| limit.name)
                .collect(),
            verify_store: read.switch(&setting::VERIFY_STORE)?,
            paused: read.switch(&setting::PAUSED)?,
            secret_keys: secret_keys.map(Arc::new),
            providers: match read.text(&setting::PROVIDERS_DIR)? {
                Some(folder) => providers::from_folder(Path::new(&folder))?,
                None => Providers::default(),
            },
            allow_open_files: files.is_open_allowed,
            open_files: files.open.into_inner(),
        })
    }

    /// Returns true if the value of a limit was given and is not its default.
    #[must_use]
    pub fn is_given(&self, limit: &Limit) -> bool {
        self.given_limits.contains(&limit.name)
    }

    /// Sets the addresses on which the listeners really listen: port 0 asks the machine for a free port, and the
    /// public URL follows unless it was given.
    #[must_use]
    pub fn bound(mut self, listen: SocketAddr, hooks_listen: Option<SocketAddr>) -> Self {
        self.listen = listen;
        self.hooks_listen = hooks_listen;
        if !self.is_public_url_given {
            self.public_url = public_url::of_listener(hooks_listen.unwrap_or(listen));
        }
        self
    }
}

/// Returns a confidential value. A file that is named on the command line takes precedence over the variable, and the
/// variable over a file that is named elsewhere: as with every setting, the source nearest to the user counts.
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

fn blocks_broken(text: &str) -> Result<bool, &'static str> {
    match text.trim() {
        "block" => Ok(true),
        "fail" => Ok(false),
        _ => Err("give block or fail"),
    }
}

fn log_format(text: &str) -> Result<LogFormat, &'static str> {
    match text.trim() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("give text or json"),
    }
}
