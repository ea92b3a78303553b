//! The command line's client: the commands that speak to a host through its API.
//!
//! The `dormouse` program has these commands and those that need the host's own code: `serve`, and the check that the
//! bytes which `backup` fetched are a store. This crate does not know the store or the engine.
//!
//! There is one file for each command. `client` speaks HTTP, `terminal` writes, and `table`, `text` and `time` format
//! for people. With `--json`, a command prints the answer of the API. A list that came in pages is printed as one page.

mod backup;
mod bulk;
mod calls;
mod client;
mod command;
mod connection;
mod control;
mod counts;
mod deploy;
mod error;
pub mod exit;
mod export;
mod filter;
mod forget;
mod health;
mod input;
mod journal;
mod logs;
mod move_runs;
mod notify;
mod output;
mod pages;
mod pause;
mod providers;
mod python;
mod repair;
mod restart;
mod retry_read;
mod run_id;
mod run_selection;
mod runs;
mod script;
mod secret;
mod show;
mod signing;
mod start;
mod table;
mod terminal;
mod text;
mod time;
mod trigger;
mod trigger_arguments;
mod trigger_output;
mod version;
mod webhook;
mod webhooks;
mod workflows;

pub use backup::{Backup, BackupContent, FetchedBackup};
pub use command::Command;
pub use error::CliError;
pub use repair::shown as difference_text;
pub use script::Environment;
pub use terminal::Terminal;
pub use text::plain_line as plain;
pub use time::span as span_text;
