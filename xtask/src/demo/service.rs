//! The service of the demonstration, as a process that ends with this program.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context;
use dormouse_harness::{ChildGuard, Port};

use super::narrator::Narrator;

/// The process of the service that the workflow calls and that calls back.
pub(crate) struct Service {
    port: Port,
    _process: ChildGuard,
}

impl Service {
    /// Starts the service on a free port. Each line that it prints becomes a line of the story.
    pub(crate) fn start(narrator: &Narrator) -> anyhow::Result<Self> {
        let port = Port::reserve()?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(["callback-service", "--port", &port.number().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut process = ChildGuard::spawn(&mut command).context("cannot start the service")?;
        if let Some(output) = process.child().stdout.take() {
            let narrator = narrator.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    narrator.print("service", format_args!("{line}"));
                }
            });
        }
        Ok(Self {
            port,
            _process: process,
        })
    }

    /// Returns the URL to which jobs are sent.
    pub(crate) fn jobs(&self) -> String {
        format!("http://127.0.0.1:{}/jobs", self.port.number())
    }

    /// Returns how many of the service's updates were accepted.
    pub(crate) fn accepted(&self) -> anyhow::Result<usize> {
        let answer = ureq::get(self.jobs())
            .call()
            .context("the service does not answer")?;
        let count = answer.into_body().read_to_string()?;
        count
            .parse()
            .with_context(|| format!("the service counts `{count}`"))
    }
}
