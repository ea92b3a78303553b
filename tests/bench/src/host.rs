//! The host that is measured: the real program, as a process of its own, on a data directory of its own.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::client::Connection;
use crate::time::{Moment, pause};

/// The name that [`Host::deploy`] gives to the workflow.
pub(crate) const WORKFLOW: &str = "waiter";

/// What is said to every host: no bounds on rates, since they are what is measured; no log line for each run; and
/// connections that nobody uses for a while stay open.
const ALWAYS: [&str; 7] = [
    "--webhook-rate-limit=0",
    "--host-rate-limit=0",
    "--log=warn",
    "--head-timeout=1h",
    "--inbox-limit=1000000",
    "--held-replies=100000",
    "--connections-limit=100000",
];

/// The kernel's unit of processor time in /proc, 100 a second on every architecture that the host runs on.
const TICK: Duration = Duration::from_millis(10);

/// A process that does not come up or go down within this time will not.
const PATIENCE: Duration = Duration::from_secs(600);

/// A host. It is killed when this is dropped, and its data removed.
pub(crate) struct Host {
    binary: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

/// What the host counted since it started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    pub(crate) commits: u64,
    pub(crate) writes: u64,
}

impl Host {
    /// Starts a host with these settings on an empty data directory in `folder`, and waits until it is ready.
    pub(crate) async fn start(
        binary: &Path,
        folder: &Path,
        settings: &[&str],
    ) -> anyhow::Result<Self> {
        let mut host = Host {
            binary: binary.to_owned(),
            folder: tempfile::tempdir_in(folder)?,
            address: free_address()?,
            child: None,
        };
        host.launch(settings).await?;
        Ok(host)
    }

    /// Starts it again on the data that it left, and gives how long it took until it was ready.
    pub(crate) async fn launch(&mut self, settings: &[&str]) -> anyhow::Result<Duration> {
        let log = File::options().create(true).append(true).open(self.log())?;
        let mut command = Command::new(&self.binary);
        // Where it is set, wasmtime walks the stack whenever it drops an instance that waits.
        command.env_remove("RUST_BACKTRACE");
        command
            .args(["serve", "--listen", &self.address.to_string()])
            .arg("--data-dir")
            .arg(self.data())
            .args(ALWAYS)
            .args(settings)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let began = Moment::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        self.child = Some(child);
        self.until_ready(began).await?;
        Ok(began.elapsed())
    }

    async fn until_ready(&mut self, began: Moment) -> anyhow::Result<()> {
        while !began.after(PATIENCE).has_passed() {
            if let Ok(mut connection) = self.connect().await
                && connection
                    .get("/readyz")
                    .await
                    .is_ok_and(|answer| answer.status == 200)
            {
                return Ok(());
            }
            if let Some(status) = self.child()?.try_wait()? {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                bail!("the host ended with {status}:\n{log}");
            }
            pause(Duration::from_millis(1)).await;
        }
        bail!("the host did not become ready in {PATIENCE:?}")
    }

    /// Ends it as a power failure would, but that what it wrote stays in the kernel's memory.
    pub(crate) fn kill(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the host is dead already")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        let mut child = self.child.take().context("the host is dead already")?;
        kill_process(Pid::from_child(&child), Signal::TERM)?;
        let status = child.wait()?;
        if !status.success() {
            bail!("the host was asked to end, and ended with {status}");
        }
        Ok(())
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.address).await
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

    /// What it committed since it started.
    pub(crate) async fn commits(&self) -> anyhow::Result<Commits> {
        Ok(Commits {
            commits: self.metric("dormouse_commits_total").await?,
            writes: self.metric("dormouse_writes_total").await?,
        })
    }

    /// The value of a series without labels.
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

    /// The processor time that it took since it started, without its children's.
    pub(crate) fn processor_time(&self) -> anyhow::Result<Duration> {
        ticks(&self.stat()?, [14, 15])
    }

    /// The processor time of its children that have ended: it compiles in them.
    pub(crate) fn children_processor_time(&self) -> anyhow::Result<Duration> {
        ticks(&self.stat()?, [16, 17])
    }

    /// The memory that it occupies, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        self.memory("status", "VmRSS:")
    }

    /// The same with a page that is mapped in several places counted once. Instances share those of their program's
    /// memory to which they have not written, and the kernel counts such a page as resident for each of them.
    pub(crate) fn proportional(&self) -> anyhow::Result<u64> {
        self.memory("smaps_rollup", "Pss:")
    }

    /// What the kernel says in this file about the process, in bytes.
    fn memory(&self, file: &str, name: &str) -> anyhow::Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.process()?))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.with_context(|| format!("no {name} in {file}"))?.trim();
        Ok(kib.trim_end_matches(" kB").parse::<u64>()? << 10)
    }

    /// What its data occupies on the disk, in bytes.
    pub(crate) fn stored(&self) -> anyhow::Result<u64> {
        // Linux counts blocks in units of 512 bytes, whatever the file system's are.
        Ok(fs::metadata(self.store_file()?)?.blocks() * 512)
    }

    /// The file that its data is in.
    pub(crate) fn store_file(&self) -> anyhow::Result<PathBuf> {
        let mut largest = None;
        for entry in fs::read_dir(self.data())? {
            let entry = entry?;
            largest = largest.max(Some((entry.metadata()?.len(), entry.path())));
        }
        Ok(largest.context("the host has no data")?.1)
    }

    fn stat(&self) -> anyhow::Result<String> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/stat",
            self.process()?
        ))?)
    }

    fn process(&self) -> anyhow::Result<u32> {
        Ok(self.child.as_ref().context("the host is dead")?.id())
    }

    fn child(&mut self) -> anyhow::Result<&mut Child> {
        self.child.as_mut().context("the host is dead")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("host.log")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The processor time that this process took.
pub(crate) fn own_processor_time() -> anyhow::Result<Duration> {
    ticks(&fs::read_to_string("/proc/self/stat")?, [14, 15])
}

/// The sum of two fields of /proc/PID/stat, which are counted from 1.
fn ticks(stat: &str, fields: [usize; 2]) -> anyhow::Result<Duration> {
    // The name, in parentheses, may hold spaces. Behind it stand the fields from the third on.
    let (_, rest) = stat.rsplit_once(')').context("no name in /proc/PID/stat")?;
    let all: Vec<&str> = rest.split_whitespace().collect();
    let mut sum = 0;
    for field in fields {
        let text = all.get(field - 3).context("/proc/PID/stat is too short")?;
        sum += text.parse::<u32>()?;
    }
    Ok(TICK * sum)
}

/// An address that nobody uses, below those that the system gives to outgoing connections: one of them could take it
/// while the host is down.
fn free_address() -> anyhow::Result<SocketAddr> {
    let first = 10_000 + u16::try_from(std::process::id() % 10_000)?;
    (first..first + 10_000)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no port is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "1 (a) b (c) S 4 5 6 7 8 9 10 11 12 13 20 30 1 2";
        assert_eq!(ticks(stat, [14, 15]).unwrap(), TICK * 50);
        assert_eq!(ticks(stat, [16, 17]).unwrap(), TICK * 3);
        assert!(ticks(stat, [18, 19]).is_err());
    }
}
