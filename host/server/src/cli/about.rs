//! `dormouse completions` and `dormouse man`: completion scripts and manual pages, generated from the definition of the
//! command line.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;
use dormouse_cli::{CliError, Terminal};

/// Prints a completion script for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse completions bash > ~/.local/share/bash-completion/completions/dormouse
  dormouse completions zsh > \"${fpath[1]}/_dormouse\"
  dormouse completions fish > ~/.config/fish/completions/dormouse.fish")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// Prints the manual page, or writes those of all commands to a folder
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse man | man -l -
  dormouse man --dir ~/.local/share/man/man1")]
pub(super) struct Man {
    /// Writes a page for each command to this folder, which is created if it does not exist
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Completions {
    pub(super) fn run(
        &self,
        cli: &mut Command,
        terminal: &mut Terminal,
    ) -> Result<ExitCode, CliError> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, cli, "dormouse", &mut script);
        terminal.write(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Man {
    pub(super) fn run(&self, cli: Command, terminal: &mut Terminal) -> Result<ExitCode, CliError> {
        match &self.dir {
            Some(dir) => {
                std::fs::create_dir_all(dir)?;
                clap_mangen::generate_to(cli, dir)?;
            }
            None => {
                let mut page = Vec::new();
                clap_mangen::Man::new(cli).render(&mut page)?;
                terminal.write(&page)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use clap::ValueEnum as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_shell_learns_the_commands() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "dormouse", &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["deploy", "restart", "idempotency-key"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn each_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        clap_mangen::generate_to(Cli::command(), folder.path()).unwrap();
        for command in Cli::command().get_subcommands() {
            let page = folder
                .path()
                .join(format!("dormouse-{}.1", command.get_name()));
            assert!(page.exists(), "{}", page.display());
        }
    }
}
