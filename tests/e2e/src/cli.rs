//! The command line, as a person or a script uses it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::host::Host;
use crate::program::program;

/// The commands that speak to one host.
#[derive(Debug)]
pub struct Cli {
    server: String,
    variables: Vec<(String, String)>,
}

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: i32,
    /// What it wrote for whoever reads its result.
    pub stdout: String,
    /// What it wrote beside.
    pub stderr: String,
}

impl Cli {
    /// Commands for this host.
    #[must_use]
    pub fn of(host: &Host) -> Self {
        Cli {
            server: host.url(),
            variables: Vec::new(),
        }
    }

    /// Commands that need no host.
    #[must_use]
    pub fn alone() -> Self {
        Cli {
            // Nothing listens there.
            server: "http://127.0.0.1:1".into(),
            variables: Vec::new(),
        }
    }

    /// With one more variable in their environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command to its end.
    ///
    /// # Panics
    /// When it cannot be run, or does not write text.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        self.feed(b"", arguments)
    }

    /// Runs a command that reads this from its standard input.
    ///
    /// # Panics
    /// When it cannot be run, or does not write text.
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
        // A command that wants no input may have closed it.
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
    /// What it wrote, if all went well.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The same as JSON.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }
}
