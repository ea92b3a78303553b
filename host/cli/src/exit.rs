//! The exit codes of the program. `dormouse --help` lists them.

/// The host refused, or the run did not complete.
pub const REFUSED: u8 = 1;

/// The command line, or a file or variable that it names, is wrong. clap uses the same code.
pub const USAGE: u8 = 2;

/// The host cannot be reached.
pub const UNREACHABLE: u8 = 3;
