//! `dormouse providers`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use dormouse_api::{Provider, ProviderSummary, Providers};
use dormouse_webhook::provider as webhook;

use crate::connection::Connection;
use crate::error::CliError;
use crate::exit::REFUSED;
use crate::table::Table;
use crate::terminal::Terminal;
use crate::text::{plain, plain_line};

/// Lists the providers whose webhooks a host knows, shows one, or checks a description
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  dormouse providers
  dormouse providers stripe
  dormouse providers check acme.toml"
)]
pub struct ProvidersCommand {
    #[command(subcommand)]
    action: Option<Action>,

    /// The provider to show, with its description
    name: Option<String>,

    #[command(flatten)]
    connection: Connection,
}

#[derive(Debug, Subcommand)]
enum Action {
    Check(Check),
}

/// Checks a description of a provider, and runs its vectors
///
/// This needs no host. An error names the file, the line and what is allowed there.
#[derive(Debug, Args)]
#[command(after_help = "Example: dormouse providers check acme.toml")]
struct Check {
    /// The description
    file: PathBuf,
}

impl ProvidersCommand {
    pub(crate) fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        if let Some(Action::Check(check)) = &self.action {
            return check.run(terminal);
        }
        let client = self.connection.open()?;
        let mut path = vec!["providers"];
        path.extend(self.name.as_deref());
        let answer = client.get(&client.url(&path))?;
        if self.connection.json {
            terminal.json(&answer.body)?;
        } else if self.name.is_some() {
            terminal.print(&shown(&answer.json()?))?;
        } else {
            let all: Providers = answer.json()?;
            terminal.print(&listed(&all.providers))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Check {
    fn run(&self, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        let file = self.file.display().to_string();
        let text = std::fs::read_to_string(&self.file)
            .map_err(|error| CliError::Usage(format!("{file} cannot be read: {error}")))?;
        match checked(&file, &text) {
            Ok(said) => {
                terminal.print(&said)?;
                Ok(ExitCode::SUCCESS)
            }
            Err(mistakes) => {
                for why in mistakes {
                    terminal.note(&why)?;
                }
                Ok(ExitCode::from(REFUSED))
            }
        }
    }
}

/// Returns a summary of a description, or its errors.
fn checked(file: &str, text: &str) -> Result<String, Vec<String>> {
    let provider =
        webhook::Provider::compile(file, text).map_err(|error| vec![error.to_string()])?;
    let failed = provider.run_vectors();
    if !failed.is_empty() {
        let failed = failed.into_iter();
        return Err(failed
            .map(|(line, why)| format!("{file}, line {line}: {why}"))
            .collect());
    }
    let (all, printed) = provider.vectors();
    let taken = if webhook::Providers::is_built_in(provider.name()) {
        "; this name comes with Dormouse, so a host takes the file only under another"
    } else {
        ""
    };
    Ok(format!(
        "{file}: {} is right, with {all} vectors, {printed} of them from the provider's page{taken}\n",
        plain_line(provider.name()),
    ))
}

fn listed(providers: &[ProviderSummary]) -> String {
    let mut table = Table::new(&["NAME", "SIGNS", "PROBES", "REPEATS", "TITLE", "PAGE"]);
    let yes = |is_so: bool| if is_so { "yes" } else { "no" };
    for provider in providers {
        table.row([
            plain_line(&provider.name).into(),
            yes(provider.signs).into(),
            yes(provider.probes).into(),
            yes(provider.repeats).into(),
            plain_line(&provider.title).into(),
            plain_line(&provider.page).into(),
        ]);
    }
    table.render(false)
}

fn shown(provider: &Provider) -> String {
    let Provider {
        summary,
        note,
        settings,
        description,
    } = provider;
    let mut text = format!(
        "{}\n{}\n",
        plain_line(&summary.title),
        plain_line(&summary.page)
    );
    if let Some(note) = note {
        text += &format!("{}\n", plain(note));
    }
    for (name, help) in settings {
        text += &format!("setting {}: {}\n", plain_line(name), plain_line(help));
    }
    text + "\n" + &plain(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: &str = r#"name = "acme"
title = "Acme"
page = "https://acme.example"
[[signature]]
algorithm = "token"
signature = { header = "X-Token" }
[[vector]]
from = "made"
secret = "s"
headers = { "X-Token" = "s" }
verdict = "accepted"
"#;

    #[test]
    fn a_correct_description_passes_and_mistakes_are_shown_with_their_lines() {
        let said = checked("acme.toml", ACME).unwrap();
        assert!(
            said.contains("acme is right, with 1 vectors, 0 of"),
            "{said}"
        );
        let wrong = ACME.replace("= \"s\" }", "= \"t\" }");
        let mistakes = checked("acme.toml", &wrong).unwrap_err();
        assert!(mistakes[0].contains("acme.toml, line 7: "), "{mistakes:?}");
        let wrong = ACME.replace("X-Token\" }", "X-Token\", prfix = \"\" }");
        let mistakes = checked("acme.toml", &wrong).unwrap_err();
        assert!(mistakes[0].contains("acme.toml, line 6: "), "{mistakes:?}");
        assert!(mistakes[0].contains("`prefix`"), "{mistakes:?}");
    }
}
