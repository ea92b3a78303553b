//! Settings: read from the command line, the environment and a file, and then checked.
//!
//! - [`setting`] has all settings with name, default and purpose. Everything else follows from this table. The limits
//!   among them come from the table in `dormouse_limits`.
//! - [`RawConfig`] has the given texts with their sources. Nothing in it is checked.
//! - [`Config`] is built from it, and only if everything is valid.
//!
//! The command line takes precedence over the environment, the environment over the file, and the file over the
//! default. This crate does not know what the layers of the host do with a [`Config`], so it is fuzzed without them.

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
pub use private::UnsafePermissions;
pub use raw::{Flags, RawConfig};
pub use token::ApiToken;

#[cfg(test)]
mod tests;
