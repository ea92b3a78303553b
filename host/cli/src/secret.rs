//! `dormouse secret`.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{ChangedUses, NewSecret, Secret, SecretUse, Secrets};
use dormouse_journal::Time;
use dormouse_secret::Secret as Value;
use http::Method;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use serde::Serialize;

use crate::client::Body;
use crate::connection::Connection;
use crate::error::CliError;
use crate::input::without_line_break;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::plain_line;
use crate::time::{ago, now};

/// The largest number of bytes that are read from standard input. A secret is far smaller, so a larger file was given
/// by mistake.
const MOST: u64 = 1 << 20;

/// Sets, lists or deletes secrets: values that workflows can use but never see
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse secret set stripe --workflow payment --verify < stripe.txt
  dormouse secret allow stripe --workflow refund --send-to https://api.stripe.com
  dormouse secret list
  dormouse secret delete stripe

The host needs a key to seal secrets with: `openssl rand -base64 32 > FILE`, and
`dormouse serve --secret-key-file FILE`.")]
pub struct SecretCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Set(Set),
    /// Allows further uses of a secret, without changing its value
    #[command(after_help = "\
Example: dormouse secret allow stripe --workflow refund --send-to https://api.stripe.com")]
    Allow(Change),
    /// Forbids some uses of a secret, without changing its value
    #[command(after_help = "Example: dormouse secret deny stripe --workflow refund --verify")]
    Deny(Change),
    List(List),
    Delete(Delete),
}

/// Sets a secret to the value on standard input, and says what it may be used for
///
/// Nobody can read the value back. Each workflow that is named may use the secret in each way that is named, and no other use
/// is allowed. A secret of the same name is replaced, including its uses. A line break at the end is not part of the value.
/// At a terminal the command asks for the value, and does not show it while it is typed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse secret set github --workflow deploy --verify < github.txt
  dormouse secret set stripe --workflow payment --workflow refund --send-to https://api.stripe.com
  printf %s \"$TOKEN\" | dormouse secret set crm --workflow lead --send-to https://crm.example:8443")]
struct Set {
    /// The secret's name: 1 to 64 characters out of a-z, A-Z, 0-9, ., _ and -
    name: String,

    /// A workflow that may use the secret; give the flag again for others. It need not be deployed yet
    #[arg(long = "workflow", value_name = "NAME", required = true)]
    workflows: Vec<String>,

    #[command(flatten)]
    purposes: Purposes,

    #[command(flatten)]
    connection: Connection,
}

/// What workflows may do with a secret.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Purposes {
    /// The workflow's webhooks and triggers may check requests by the secret
    #[arg(long)]
    verify: bool,

    /// The workflow's calls may carry the secret to this scheme, host and port; give the flag again for others
    #[arg(long, value_name = "ORIGIN")]
    send_to: Vec<String>,
}

/// A change of what a secret may be used for.
#[derive(Debug, Args)]
struct Change {
    /// The secret
    name: String,

    /// The workflow whose uses change; give the flag again for others
    #[arg(long = "workflow", value_name = "NAME", required = true)]
    workflows: Vec<String>,

    #[command(flatten)]
    purposes: Purposes,

    #[command(flatten)]
    connection: Connection,
}

/// Lists the secrets, without their values
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse secret list")]
struct List {
    #[command(flatten)]
    connection: Connection,
}

/// Deletes a secret: calls and checks that need it are refused from now on
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse secret delete stripe")]
struct Delete {
    /// The secret
    name: String,

    #[command(flatten)]
    connection: Connection,
}

impl SecretCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match &self.action {
            Action::Set(set) => set.run(terminal)?,
            Action::Allow(allow) => allow.change(terminal, true)?,
            Action::Deny(deny) => deny.change(terminal, false)?,
            Action::List(list) => list.run(terminal)?,
            Action::Delete(delete) => delete.run(terminal)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Set {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let new = NewSecret {
            value: read_value(&self.name, terminal)?,
            uses: self.purposes.of(&self.workflows),
        };
        let json = to_json(&new)?;
        let url = client.url(&["secrets", &self.name]);
        let answer = client.send(Method::PUT, &url, &[], Some(body(&mut json.as_slice())))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let secret: Secret = answer.json()?;
        let done = if answer.status == 201 {
            "set"
        } else {
            "replaced"
        };
        Ok(terminal.print(&format!("{} is {done}", secret.name))?)
    }
}

impl Purposes {
    /// Returns every combination of a workflow and a purpose.
    fn of(&self, workflows: &[String]) -> Vec<SecretUse> {
        let mut uses = Vec::new();
        for workflow in workflows {
            if self.verify {
                uses.push(SecretUse::verify(workflow));
            }
            let origins = self.send_to.iter();
            uses.extend(origins.map(|origin| SecretUse::send_to(workflow, origin)));
        }
        uses
    }
}

impl Change {
    fn change(&self, terminal: &mut Terminal, is_allowed: bool) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let uses = self.purposes.of(&self.workflows);
        let (add, remove) = if is_allowed {
            (uses, Vec::new())
        } else {
            (Vec::new(), uses)
        };
        let json = to_json(&ChangedUses { add, remove })?;
        let url = client.url(&["secrets", &self.name]);
        let answer = client.send(Method::PATCH, &url, &[], Some(body(&mut json.as_slice())))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let secrets = vec![answer.json()?];
        Ok(terminal.print(&render(&Secrets { secrets }, now()))?)
    }
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>, CliError> {
    serde_json::to_vec(value)
        .map_err(|error| CliError::Usage(format!("the secret cannot be sent: {error}")))
}

fn body<'a>(json: &'a mut &[u8]) -> Body<'a> {
    Body {
        content_type: "application/json",
        length: json.len() as u64,
        bytes: json,
    }
}

impl List {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let answer = client.get(&client.url(&["secrets"]))?;
        if self.connection.json {
            return Ok(terminal.json(&answer.body)?);
        }
        let secrets: Secrets = answer.json()?;
        if secrets.secrets.is_empty() {
            return Ok(
                terminal.note("no secrets; `dormouse secret set --help` says how to set one")?
            );
        }
        Ok(terminal.print(&render(&secrets, now()))?)
    }
}

impl Delete {
    fn run(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        let client = self.connection.open()?;
        let url = client.url(&["secrets", &self.name]);
        client.send(Method::DELETE, &url, &[], None)?;
        if self.connection.json {
            // The API's answer is empty.
            return Ok(());
        }
        Ok(terminal.print(&format!("{} is deleted", self.name))?)
    }
}

/// Formats a table with one line for each use of a secret.
fn render(secrets: &Secrets, now: Time) -> String {
    let mut table = Table::new(&["secret", "workflow", "may", "set", ""]);
    for secret in &secrets.secrets {
        for granted in &secret.uses {
            let purpose = match &granted.send_to {
                Some(origin) => format!("be sent to {origin}"),
                None => "verify".into(),
            };
            let note = if secret.readable {
                ""
            } else {
                "the host has no key for it"
            };
            table.row([
                plain_line(&secret.name).into(),
                plain_line(&granted.workflow).into(),
                plain_line(&purpose).into(),
                ago(secret.updated, now).into(),
                note.into(),
            ]);
        }
    }
    table.render(false)
}

/// Reads the value from standard input, and checks it before it is sent anywhere.
fn read_value(name: &str, terminal: &mut Terminal) -> Result<String, CliError> {
    let stdin = io::stdin();
    let read = if stdin.is_terminal() {
        terminal.ask(&format!("value of {} (not shown): ", plain_line(name)))?;
        read_unseen(&stdin)
    } else {
        let mut bytes = Vec::new();
        stdin
            .lock()
            .take(MOST)
            .read_to_end(&mut bytes)
            .map(|_| bytes)
    };
    let bytes =
        read.map_err(|error| CliError::Usage(format!("standard input cannot be read: {error}")))?;
    let value = Value::new(without_line_break(bytes)).map_err(|error| {
        CliError::Usage(format!(
            "the content of standard input is not a secret: {error}"
        ))
    })?;
    Ok(value.expose_text().to_owned())
}

/// Reads a line from the terminal without showing what is typed.
fn read_unseen(stdin: &io::Stdin) -> io::Result<Vec<u8>> {
    let _silence = HiddenInput::over(stdin)?;
    let mut line = Vec::new();
    stdin.lock().read_until(b'\n', &mut line)?;
    Ok(line)
}

/// Keeps the terminal from showing what is typed, except the end of the line, until this is dropped.
struct HiddenInput<'a> {
    stdin: &'a io::Stdin,
    before: Termios,
}

impl<'a> HiddenInput<'a> {
    fn over(stdin: &'a io::Stdin) -> io::Result<Self> {
        let before = tcgetattr(stdin)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        // The terminal may have shown text that was typed before the question, so that text is discarded.
        tcsetattr(stdin, OptionalActions::Flush, &silent)?;
        Ok(HiddenInput { stdin, before })
    }
}

impl Drop for HiddenInput<'_> {
    fn drop(&mut self) {
        // If the terminal is gone, there is nothing to restore.
        let _ = tcsetattr(self.stdin, OptionalActions::Drain, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use dormouse_api::Timestamp;

    use super::*;

    #[test]
    fn every_workflow_gets_every_use() {
        let purposes = Purposes {
            verify: true,
            send_to: vec!["https://a.example".into()],
        };
        let expected = [
            SecretUse::verify("w"),
            SecretUse::send_to("w", "https://a.example"),
            SecretUse::verify("v"),
            SecretUse::send_to("v", "https://a.example"),
        ];
        assert_eq!(purposes.of(&["w".into(), "v".into()]), expected);
    }

    #[test]
    fn secrets_in_a_table() {
        let secret = |name: &str, uses, readable| Secret {
            name: name.into(),
            uses,
            created: Timestamp(Time(0)),
            updated: Timestamp(Time(60_000)),
            readable,
        };
        let both = vec![
            SecretUse::verify("payment"),
            SecretUse::send_to("refund", "https://api.stripe.com"),
        ];
        let secrets = Secrets {
            secrets: vec![
                secret("github", vec![SecretUse::verify("deploy")], false),
                secret("stripe", both, true),
            ],
        };
        insta::assert_snapshot!(render(&secrets, Time(120_000)));
    }
}
