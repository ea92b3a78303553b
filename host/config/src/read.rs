//! Reads the values of settings one by one.

use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;

use dormouse_limits::Limit;

use super::setting::Setting;
use super::{ConfigError, RawConfig, Source};

/// Reads settings, including default values.
pub(super) struct Reader<'a>(pub(super) &'a RawConfig);

impl Reader<'_> {
    /// Returns a value as `parse` reads it. None if the setting was not given and has no default.
    pub(super) fn optional<T, E: Display>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ConfigError> {
        let (text, source) = match (self.0.get(setting), &setting.default) {
            (Some((text, source)), _) => (text, source.clone()),
            (None, Some(default)) => (default.as_ref(), Source::Default),
            (None, None) => return Ok(None),
        };
        parse(text)
            .map(Some)
            .map_err(|reason| ConfigError::Invalid {
                name: setting.name,
                value: text.to_owned(),
                origin: source,
                reason: reason.to_string(),
            })
    }

    /// Returns a value as `parse` reads it, for a setting with a default.
    pub(super) fn value<T, E: Display>(
        &self,
        setting: &Setting,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ConfigError> {
        self.optional(setting, parse)?
            .ok_or_else(|| ConfigError::Invalid {
                name: setting.name,
                value: String::new(),
                origin: Source::Default,
                reason: "it must be given".into(),
            })
    }

    /// Returns a text that is not empty.
    pub(super) fn text(&self, setting: &Setting) -> Result<Option<String>, ConfigError> {
        self.optional(setting, |text| match text.trim() {
            "" => Err("it is empty"),
            text => Ok(text.to_owned()),
        })
    }

    pub(super) fn switch(&self, setting: &Setting) -> Result<bool, ConfigError> {
        self.value(setting, |text| {
            bool::from_str(text.trim()).map_err(|_| "give true or false")
        })
    }

    /// Returns the values between commas.
    pub(super) fn list<T: FromStr<Err: Display>>(
        &self,
        setting: &Setting,
    ) -> Result<Vec<T>, ConfigError> {
        let list = self.optional(setting, |text| {
            text.split(',')
                .map(str::trim)
                .filter(|entry| !entry.is_empty())
                .map(T::from_str)
                .collect()
        })?;
        Ok(list.unwrap_or_default())
    }

    /// Returns the value of a limit.
    pub(super) fn limit(&self, limit: &'static Limit) -> Result<u64, ConfigError> {
        self.value(&Setting::of(limit), |text| limit.parse(text))
    }
}

/// Parses an address with a port.
pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.trim()
        .parse()
        .map_err(|_| "give an address and a port, such as 127.0.0.1:4100 or [::1]:4100")
}
