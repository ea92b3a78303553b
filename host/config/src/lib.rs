//! Settings: read from the command line, the environment and a file, and only then understood.
//!
//! - [`setting`] has all settings: name, default, what it is for. Everything else follows from it. Those that are limits
//!   come from the table in `dormouse_limits`.
//! - [`RawConfig`] is what was given, as text and with where it came from; nothing in it is checked.
//! - [`Config`] is built from it, and only from what is valid.
//!
//! The command line goes before the environment, the environment before the file, the file before the default. What the
//! layers of the host make of a [`Config`] is none of its business, so that it is fuzzed without them.

mod config;
mod error;
mod network;
mod private;
mod providers;
mod public_url;
mod raw;
mod read;
mod secret_keys;
pub mod setting;
mod token;

pub use config::{Config, LogFormat};
pub use error::{ConfigError, Source};
pub use network::{InvalidNetwork, Network};
pub use private::OpenToOthers;
pub use raw::{Flags, RawConfig};
pub use token::ApiToken;

#[cfg(test)]
mod tests;
