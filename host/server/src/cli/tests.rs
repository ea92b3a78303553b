//! The command line as it is documented and parsed.

use std::fmt::Write as _;

use clap::CommandFactory as _;

use super::*;

fn help(command: &mut clap::Command) -> String {
    command
        .clone()
        .term_width(100)
        .render_long_help()
        .to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_teaches_its_use() {
    let mut cli = Cli::command().term_width(100);
    cli.build();
    insta::assert_snapshot!("help", help(&mut cli));
    for command in cli.get_subcommands_mut() {
        if command.get_name() == "help" {
            continue;
        }
        let text = help(command);
        assert!(text.contains("Example"), "{text}");
        insta::assert_snapshot!(format!("help_{}", command.get_name()), text);
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let code = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap_err().exit_code();
    assert_eq!(code(&["dormouse", "strat", "x"]), i32::from(exit::USAGE));
    assert_eq!(code(&["dormouse", "start"]), i32::from(exit::USAGE));
    assert_eq!(
        code(&["dormouse", "runs", "--all", "--limit", "5"]),
        i32::from(exit::USAGE)
    );
    assert_eq!(code(&["dormouse", "--help"]), 0);
}

#[test]
fn the_book_has_every_command() {
    let page = include_str!("../../../../docs/reference/cli.md");
    let mut cli = Cli::command();
    cli.build();
    let mut rows = String::new();
    list(&cli, &mut rows);
    let table = format!("| command | what it does |\n|---|---|\n{rows}\n");
    assert!(
        page.contains(&table),
        "docs/reference/cli.md needs this table:\n{table}"
    );
}

/// Adds a row of a table for each command below this one.
fn list(command: &clap::Command, rows: &mut String) {
    let below = command.get_subcommands();
    for command in below.filter(|command| command.get_name() != "help") {
        let name = command.get_bin_name().unwrap();
        let about = command.get_about().unwrap();
        writeln!(rows, "| `{name}` | {about} |").unwrap();
        list(command, rows);
    }
}
