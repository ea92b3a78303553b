//! The service of the demonstration, as a process that ends with it.

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::Context;

use super::story::Story;
use crate::host::Killed;

/// The service that the workflow calls, and that calls back.
pub(crate) struct Service {
    port: u16,
    _child: Killed,
}

impl Service {
    /// Starts it, and lets it tell its part of the story.
    pub(crate) fn start(story: &Story, port: u16) -> anyhow::Result<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["callback-service", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the service")?;
        if let Some(output) = child.stdout.take() {
            let story = story.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    story.tell("service", format_args!("{line}"));
                }
            });
        }
        Ok(Self {
            port,
            _child: Killed(child),
        })
    }

    /// Where it takes jobs.
    pub(crate) fn jobs(&self) -> String {
        format!("http://127.0.0.1:{}/jobs", self.port)
    }

    /// How many of its updates were accepted.
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
