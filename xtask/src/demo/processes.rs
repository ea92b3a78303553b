//! The two programs of the demonstration, as processes that end with it.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use super::story::Story;
use crate::workspace::Workspace;

/// The host, which can be killed and started again with the data it had.
pub(crate) struct Host {
    program: PathBuf,
    data: PathBuf,
    log: PathBuf,
    listen: String,
    child: Option<Killed>,
}

impl Host {
    pub(crate) fn new(workspace: &Workspace, folder: &Path, port: u16) -> anyhow::Result<Self> {
        let data = folder.join("data");
        fs::create_dir(&data).with_context(|| format!("cannot create {}", data.display()))?;
        Ok(Self {
            program: workspace.host(),
            data,
            log: folder.join("host.log"),
            listen: format!("127.0.0.1:{port}"),
            child: None,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Starts it; it is ready a moment later.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        // The service of the demonstration is on the loopback interface, which workflows may not call otherwise.
        let child = Command::new(&self.program)
            .args([
                "serve",
                "--allow-private-egress",
                "--listen",
                &self.listen,
                "--data-dir",
            ])
            .arg(&self.data)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Some(Killed(child));
        Ok(())
    }

    /// Whether it takes requests. An error when it has ended instead.
    pub(crate) fn is_ready(&mut self) -> anyhow::Result<Option<()>> {
        if let Some(Killed(child)) = &mut self.child
            && let Some(status) = child.try_wait()?
        {
            bail!("the host ended with {status}");
        }
        let ready = ureq::get(format!("{}/readyz", self.url())).call();
        Ok(ready.is_ok().then_some(()))
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        match self.child.take() {
            Some(child) => child.kill(),
            None => Ok(()),
        }
    }

    /// What it logged from its first start on.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| format!("cannot be read: {error}"))
    }
}

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

/// A process that does not outlive its owner.
struct Killed(Child);

impl Killed {
    fn kill(mut self) -> anyhow::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself, which is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
