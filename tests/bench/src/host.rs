//! The host that is measured: the real program, as a separate process with its own data directory.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use dormouse_harness::{HostProcess, Probe, ProcessUsage};

use crate::client::Connection;
use crate::time::pause;

/// The name under which [`Host::deploy`] deploys the workflow.
pub(crate) const WORKFLOW: &str = "waiter";

/// The settings of every host: no limits on rates, since rates are measured; no log line for each run; and no
/// time limit for unused connections.
const ALWAYS: [&str; 6] = [
    "--webhook-rate-limit=0",
    "--host-rate-limit=0",
    "--log=warn",
    "--head-timeout=1h",
    "--inbox-limit=1000000",
    "--held-replies=100000",
];

/// The longest wait for a host to start or to end. A host with a large store may take minutes to read it.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A host. It is killed when this is dropped, and its data is removed.
pub(crate) struct Host {
    process: HostProcess,
}

/// The host's counters since its start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    pub(crate) commits: u64,
    pub(crate) writes: u64,
}

impl Host {
    /// Starts a host with these settings on an empty data directory in `folder`, and waits until it is ready.
    pub(crate) fn start(program: &Path, folder: &Path, settings: &[&str]) -> anyhow::Result<Self> {
        let process = HostProcess::new_in(program.to_owned(), folder)?.with_timeout(TIMEOUT);
        let mut host = Host { process };
        host.launch(settings)?;
        Ok(host)
    }

    /// Starts the host again on its data. Returns how long it took until the host was ready.
    pub(crate) fn launch(&mut self, settings: &[&str]) -> anyhow::Result<Duration> {
        let arguments = [ALWAYS.as_slice(), settings].concat();
        let started = self.process.start(&arguments, Probe::Readiness);
        started.map_err(|error| anyhow!("{error}; what it logged:\n{}", self.process.log()))
    }

    /// Kills the host. This is like a power failure, except that the kernel keeps the data that the host wrote.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.process.kill()?)
    }

    /// Asks the host to end, and waits until it has ended.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.terminate()?;
        if !status.success() {
            bail!("the host was asked to end, and ended with {status}");
        }
        Ok(())
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.process.address()).await
    }

    pub(crate) async fn connections(&self, count: usize) -> anyhow::Result<Vec<Connection>> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(self.connect().await?);
        }
        Ok(connections)
    }

    /// Uploads the workflow.
    pub(crate) async fn deploy(&self, component: &[u8]) -> anyhow::Result<()> {
        let path = format!("/v1/workflows/{WORKFLOW}");
        let mut connection = self.connect().await?;
        let answer = connection.exchange("PUT", &path, "", component).await?;
        answer.expect(201)?;
        Ok(())
    }

    /// Returns how many commits the host has made since it started, and of how many writes.
    pub(crate) async fn commits(&self) -> anyhow::Result<Commits> {
        Ok(Commits {
            commits: self.metric("dormouse_commits_total").await?,
            writes: self.metric("dormouse_writes_total").await?,
        })
    }

    /// Returns the value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<u64> {
        let mut connection = self.connect().await?;
        let answer = connection.get("/metrics").await?.expect(200)?;
        let mut lines = answer.text().lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.ok_or_else(|| anyhow!("the host does not count {name}"))?;
        Ok(value.trim().parse()?)
    }

    /// Waits until no run is being executed.
    pub(crate) async fn until_idle(&self) -> anyhow::Result<()> {
        while self.metric("dormouse_instances_active").await? > 0 {
            pause(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Returns the resource usage of the process.
    pub(crate) fn usage(&self) -> anyhow::Result<ProcessUsage> {
        self.process.usage().context("the host is dead")
    }

    /// Returns the number of bytes that the data occupies on the disk.
    pub(crate) fn stored(&self) -> anyhow::Result<u64> {
        // Linux counts blocks in units of 512 bytes, whatever the block size of the file system is.
        Ok(fs::metadata(self.store_file()?)?.blocks() * 512)
    }

    /// Returns the path of the file that has the data.
    pub(crate) fn store_file(&self) -> anyhow::Result<PathBuf> {
        let mut largest = None;
        for entry in fs::read_dir(self.process.data_dir())? {
            let entry = entry?;
            largest = largest.max(Some((entry.metadata()?.len(), entry.path())));
        }
        Ok(largest.context("the host has no data")?.1)
    }
}
