//! The command line as it is documented and parsed.

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
fn wrong_usage_is_told_apart() {
    let code = |arguments: &[&str]| Cli::try_parse_from(arguments).unwrap_err().exit_code();
    assert_eq!(code(&["dormouse", "strat", "x"]), i32::from(exit::USAGE));
    assert_eq!(code(&["dormouse", "start"]), i32::from(exit::USAGE));
    assert_eq!(
        code(&["dormouse", "runs", "--all", "--limit", "5"]),
        i32::from(exit::USAGE)
    );
    assert_eq!(code(&["dormouse", "--help"]), 0);
}
