//! A host as a process of its own, spoken to as a user's programs would: over HTTP.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::pause::wait_until;

/// The host, which can be killed and started again with the data it had.
pub(crate) struct Host {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    data: PathBuf,
    log: PathBuf,
    listen: String,
    child: Option<Killed>,
}

impl Host {
    /// The host that this program is, on a free port, with what it keeps in this folder.
    pub(crate) fn new(program: PathBuf, folder: &Path) -> anyhow::Result<Self> {
        let data = folder.join("data");
        fs::create_dir(&data).with_context(|| format!("cannot create {}", data.display()))?;
        Ok(Self {
            program,
            arguments: Vec::new(),
            environment: Vec::new(),
            data,
            log: folder.join("host.log"),
            listen: format!("127.0.0.1:{}", free_port()?),
            child: None,
        })
    }

    /// With a setting on its command line.
    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With a variable in its environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// Starts it, and waits until it takes requests.
    pub(crate) fn start(&mut self) -> anyhow::Result<()> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.program)
            .args(["serve", "--listen", &self.listen, "--data-dir"])
            .arg(&self.data)
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        self.child = Some(Killed(child));
        wait_until(|| self.is_ready()).context("the host does not get ready")
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

/// A port that nothing listens on at this moment.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
    Ok(listener.local_addr()?.port())
}

/// A process that does not outlive its owner.
pub(crate) struct Killed(pub(crate) Child);

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
