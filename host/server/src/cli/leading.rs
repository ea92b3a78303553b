//! Flags that were given before the command: the host, the token, and the output format.
//!
//! Each command that asks a host takes these flags. Before the command they have the same meaning, as in other command
//! lines, so they are moved behind the command's name. For a command that asks no host they are left out, because it
//! cannot use them.

use std::ffi::OsString;

/// Flags with a value, which may follow after `=`.
const FLAGS_WITH_VALUE: [&str; 2] = ["--server", "--api-token-file"];

/// Flags without a value.
const FLAGS_WITHOUT_VALUE: [&str; 1] = ["--json"];

/// Returns the arguments of a program, with these flags moved behind the name of the command.
pub(super) fn behind_the_command(
    arguments: Vec<OsString>,
    program: &clap::Command,
) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let mut moved: Vec<OsString> = arguments.next().into_iter().collect();
    let mut rest = arguments.peekable();
    let mut flags: Vec<Vec<OsString>> = Vec::new();
    while let Some(flag) = rest.next_if(|argument| name_of(argument).is_some()) {
        let takes_next = FLAGS_WITH_VALUE.iter().any(|name| flag == *name);
        let value = takes_next.then(|| rest.next()).flatten();
        flags.push([Some(flag), value].into_iter().flatten().collect());
    }
    let mut command = program;
    while let Some(below) = rest.peek().and_then(|name| command.find_subcommand(name)) {
        command = below;
        moved.extend(rest.next());
    }
    let is_known = |name: &str| {
        let mut known = command.get_arguments().filter_map(clap::Arg::get_long);
        known.any(|known| name.strip_prefix("--") == Some(known))
    };
    // Without a command, the flags stay, so that parsing the rest reports the error.
    let has_command = moved.len() > 1;
    flags.retain(|flag| !has_command || flag.first().and_then(name_of).is_some_and(is_known));
    moved.extend(flags.into_iter().flatten());
    moved.extend(rest);
    moved
}

/// Returns the name of a flag, if the argument is one of these flags.
fn name_of(argument: &OsString) -> Option<&str> {
    let text = argument.to_str()?;
    let name = text.split_once('=').map_or(text, |(name, _)| name);
    (FLAGS_WITHOUT_VALUE.contains(&text) || FLAGS_WITH_VALUE.contains(&name)).then_some(name)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        let split = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let moved = behind_the_command(split(given), &Cli::command());
        assert_eq!(moved, split(expected));
    }

    #[test]
    fn flags_before_the_command_mean_the_same_as_after_it() {
        check(
            "dormouse --server http://a runs",
            "dormouse runs --server http://a",
        );
        check(
            "dormouse --json --server=http://a secret list x",
            "dormouse secret list --json --server=http://a x",
        );
        check("dormouse runs --json", "dormouse runs --json");
        check(
            "dormouse --server http://a --json webhook send http://b",
            "dormouse webhook send --json http://b",
        );
        check("dormouse --json", "dormouse --json");
        check("dormouse --help runs", "dormouse --help runs");
        check("dormouse --server", "dormouse --server");
    }
}
