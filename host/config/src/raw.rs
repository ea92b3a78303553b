//! The given settings, before any of them is checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::setting::{ALL, Kind, Setting};
use super::{ConfigError, Source};

/// The given values, by the name of the setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawConfig {
    given: BTreeMap<&'static str, (String, Source)>,
}

/// The settings on the command line of `dormouse serve`, and the file with further settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    settings: RawConfig,
    file: Option<PathBuf>,
}

/// The setting that names the file. It is not in the table, because a file cannot name itself.
const CONFIG: &str = "config";
const CONFIG_VARIABLE: &str = "DORMOUSE_CONFIG";

impl RawConfig {
    /// Returns the given value of a setting, and its source.
    #[must_use]
    pub fn get(&self, setting: &Setting) -> Option<(&str, &Source)> {
        self.given
            .get(setting.name)
            .map(|(text, source)| (text.as_str(), source))
    }

    /// Returns the settings in the environment.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut raw = RawConfig::default();
        for setting in ALL.iter() {
            let name = setting.variable();
            if let Some(text) = variable(&name) {
                raw.give(setting, text, Source::Environment(name));
            }
        }
        raw
    }

    /// Returns the settings in the text of a TOML file.
    ///
    /// # Errors
    /// When the text is not TOML, or has other content than settings.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let table: toml::Table =
            text.parse()
                .map_err(|error: toml::de::Error| ConfigError::NotToml {
                    path: path.to_owned(),
                    reason: error.to_string().trim_end().to_owned(),
                })?;
        let mut raw = RawConfig::default();
        for (name, value) in table {
            let Some(setting) = ALL.iter().find(|setting| setting.name == name) else {
                return Err(ConfigError::UnknownSetting {
                    path: path.to_owned(),
                    name,
                });
            };
            let text = text_of(&value).map_err(|what| ConfigError::InvalidValue {
                path: path.to_owned(),
                name: setting.name,
                what,
            })?;
            raw.give(setting, text, Source::File(path.to_owned()));
        }
        Ok(raw)
    }

    /// Combines both. If both have a setting, the value in `self` counts.
    #[must_use]
    pub fn or(mut self, other: RawConfig) -> Self {
        for (name, given) in other.given {
            self.given.entry(name).or_insert(given);
        }
        self
    }

    /// Sets the value of a setting.
    pub(super) fn give(&mut self, setting: &Setting, text: String, source: Source) {
        self.given.insert(setting.name, (text, source));
    }
}

impl Flags {
    /// Returns all given settings: those on this command line, in the environment, and in the file that either
    /// of them names.
    ///
    /// # Errors
    /// When there is such a file, and it cannot be read or has other content than settings.
    pub fn with_environment_and_file(
        self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<RawConfig, ConfigError> {
        let file = match self
            .file
            .or_else(|| variable(CONFIG_VARIABLE).map(PathBuf::from))
        {
            None => RawConfig::default(),
            Some(path) => match std::fs::read_to_string(&path) {
                Ok(text) => RawConfig::from_toml(&text, &path)?,
                Err(source) => return Err(ConfigError::Unreadable { path, source }),
            },
        };
        Ok(self
            .settings
            .or(RawConfig::from_environment(variable))
            .or(file))
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A TOML file of settings, by the names they have here [also: DORMOUSE_CONFIG]");
        ALL.iter().fold(command.arg(file), |command, setting| {
            command.arg(flag(setting))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one::<PathBuf>(CONFIG).cloned();
        for setting in ALL.iter() {
            if let Some(values) = matches.get_many::<String>(setting.name) {
                let values: Vec<&str> = values.map(String::as_str).collect();
                self.settings
                    .give(setting, values.join(","), Source::CommandLine);
            }
        }
        Ok(())
    }
}

fn flag(setting: &'static Setting) -> Arg {
    let help = match &setting.default {
        Some(default) => format!("{} [default: {default}]", setting.help),
        None => setting.help.to_owned(),
    };
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.kind.placeholder())
        .help(help);
    match setting.kind {
        Kind::Switch => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        Kind::List => arg.action(ArgAction::Append),
        Kind::Limit(_) => arg.help_heading("Limits"),
        _ => arg,
    }
}

/// Returns a value of the file in the form of the command line, or the name of its kind if it has no such form.
fn text_of(value: &toml::Value) -> Result<String, &'static str> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(switch) => Ok(switch.to_string()),
        toml::Value::Array(values) => {
            let texts: Result<Vec<String>, _> = values.iter().map(text_of).collect();
            Ok(texts?.join(","))
        }
        toml::Value::Float(_) => Err("a fraction"),
        toml::Value::Datetime(_) => Err("a date"),
        toml::Value::Table(_) => Err("a table"),
    }
}
