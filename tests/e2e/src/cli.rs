//! The command line, as people and scripts use it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::host::Host;
use crate::program::program;

/// The command line with the settings for one host.
#[derive(Debug)]
pub struct Cli {
    server: String,
    variables: Vec<(String, String)>,
}

/// The outcome of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl Cli {
    /// Returns the command line for this host.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        Cli {
            server: host.url(),
            variables: Vec::new(),
        }
    }

    /// Returns the command line for commands that need no host.
    #[must_use]
    pub fn alone() -> Self {
        Cli {
            // No program listens on this port.
            server: "http://127.0.0.1:1".into(),
            variables: Vec::new(),
        }
    }

    /// Adds a variable to the environment of the commands.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// If it cannot be run, or does not write text.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.feed(b"", arguments)
    }

    /// Runs a command with this standard input.
    ///
    /// # Panics
    /// If it cannot be run, or does not write text.
    #[track_caller]
    pub fn feed(&self, input: &[u8], arguments: &[&str]) -> Outcome {
        let mut command = program();
        command
            .env("DORMOUSE_SERVER", &self.server)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        let mut child = command.spawn().unwrap();
        // A command that reads no input may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input);
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code().expect("a command that ends by itself"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// Returns the standard output of a command that succeeded.
    ///
    /// # Panics
    /// If the command failed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// Returns the standard output of a command that succeeded, as JSON.
    ///
    /// # Panics
    /// If the command failed, or the output is not JSON.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}
