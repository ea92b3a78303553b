//! Settings: read from the command line, the environment and a file, and only then understood.
//!
//! - [`setting`] is the table of all settings: name, default, what it is for. Everything else follows from it.
//! - [`RawConfig`] is what was given, as text and with where it came from; nothing in it is checked.
//! - [`Config`] is built from it, and only from what is valid.
//!
//! The command line goes before the environment, the environment before the file, the file before the default.

mod error;
mod network;
mod public_url;
mod raw;
mod read;
mod secret_keys;
pub mod setting;
mod token;
mod unit;
mod validated;

pub use error::{ConfigError, Source};
pub use network::{InvalidNetwork, Network};
pub use raw::{Flags, RawConfig};
pub use token::ApiToken;
pub use validated::{Config, LogFormat};

#[cfg(test)]
pub(crate) use token::tests::token as test_token;

#[cfg(test)]
mod tests;
