//! The options that every client command has: the host, the API token, and the form of the output.

use std::path::PathBuf;

use clap::Args;
use dormouse_config::ApiToken;

use crate::client::Client;
use crate::error::CliError;

/// Which host, with which token, and how to print.
#[derive(Debug, Args)]
#[command(next_help_heading = "Host")]
pub(crate) struct Connection {
    /// The URL of the host
    #[arg(
        long,
        value_name = "URL",
        env = "DORMOUSE_SERVER",
        default_value = "http://127.0.0.1:4100",
        hide_env_values = true
    )]
    server: String,

    /// A file with the host's API token. DORMOUSE_API_TOKEN can hold the token itself
    #[arg(long, value_name = "FILE")]
    api_token_file: Option<PathBuf>,

    /// Prints the JSON of the API instead of text for people
    #[arg(long)]
    pub(crate) json: bool,
}

impl Connection {
    /// Returns a client of the host that the options name.
    pub(crate) fn open(&self) -> Result<Client, CliError> {
        let token = match &self.api_token_file {
            Some(path) => Some(ApiToken::from_file(path)?),
            None => ApiToken::from_environment(|name| std::env::var(name).ok())?,
        };
        Client::new(&self.server, token.as_ref())
    }
}
