//! The host in the storm: it has bounds and a preloaded library, is killed and started again, and is watched in case it
//! ends by itself.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use dormouse_harness::{HostProcess, Probe};
use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{self, Clock};
use crate::confine::{Disk, MemoryGroup};
use crate::faults::FaultLog;
use crate::http::Client;
use crate::time::{Moment, pause};

/// The memory of a host on a small machine, in bytes.
const MEMORY: u64 = 1 << 30;

/// The settings of the host. Ended runs are removed soon, since the hostile runs would otherwise fill the small disk.
const SETTINGS: [&str; 4] = [
    "--allow-private-egress",
    "--retention=3m",
    "--log=info",
    "--instances=256",
];

/// A key for secrets, in the form of `--secret-key-file`. It protects no real secret.
const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// The arguments for setting up the host.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) program: &'a Path,
    pub(crate) clock_library: Option<&'a Path>,
    /// A folder for all files of the host, which is removed after the host.
    pub(crate) folder: &'a Path,
    /// How long the host may take to start, to end, or to be ready.
    pub(crate) timeout: Duration,
}

/// The host. When this is dropped, the host is killed, its disk unmounted and its cgroup removed.
#[derive(Debug)]
pub(crate) struct Host {
    process: Mutex<HostProcess>,
    address: SocketAddr,
    pub(crate) clock: Option<Clock>,
    pub(crate) disk: Option<Disk>,
    memory: Option<MemoryGroup>,
    pub(crate) timeout: Duration,
}

impl Host {
    /// Sets up the host without starting it, and prints which bounds this machine does not allow.
    pub(crate) fn set_up(setup: &Setup<'_>, fault_log: &FaultLog) -> anyhow::Result<Self> {
        let script = setup.folder.join("host.sh");
        let process = HostProcess::new_in(script.clone(), setup.folder)?
            .with_timeout(setup.timeout)
            .with_variable("DORMOUSE_SECRET_KEY", KEY);
        let mut host = Host {
            address: process.address(),
            process: Mutex::new(process),
            clock: None,
            disk: None,
            memory: None,
            timeout: setup.timeout,
        };
        host.confine(setup.folder, fault_log);
        host.clock = match setup.clock_library {
            Some(_) => Some(Clock::new(setup.folder.join("clock"))?),
            None => None,
        };
        fs::write(&script, host.script(setup))?;
        fs::set_permissions(&script, PermissionsExt::from_mode(0o700))?;
        Ok(host)
    }

    fn confine(&mut self, folder: &Path, fault_log: &FaultLog) {
        let data = self.lock().data_dir();
        match Disk::mount(&data, folder) {
            Ok(disk) => {
                fault_log.progress(&format!(
                    "the data lies on a small disk: {}",
                    disk.describe()
                ));
                self.disk = Some(disk);
            }
            Err(error) => fault_log.progress(&format!(
                "NOT DONE: there is no small disk, and nothing fills it: {error:#}"
            )),
        }
        let limit = MEMORY + self.disk.as_ref().map_or(0, Disk::memory);
        match MemoryGroup::new(limit) {
            Ok(group) => {
                fault_log.progress(&format!("the host has {} MiB of memory", limit >> 20));
                self.memory = Some(group);
            }
            Err(error) => fault_log.progress(&format!(
                "NOT DONE: the host's memory is not bounded: {error:#}"
            )),
        }
    }

    /// Returns a script that is executed as the host. It joins the cgroup first, since only the process itself can do
    /// so before it does anything else.
    fn script(&self, setup: &Setup<'_>) -> String {
        let mut script = "#!/bin/sh\n".to_owned();
        if let Some(group) = &self.memory {
            script += &format!("echo $$ > {}\n", quoted(&group.processes()));
        }
        if let (Some(library), Some(clock)) = (setup.clock_library, &self.clock) {
            script += &format!(
                "export LD_PRELOAD={} {}={}\n",
                quoted(library),
                clock::VARIABLE,
                quoted(clock.path())
            );
        }
        script + &format!("exec {} \"$@\"\n", quoted(setup.program))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    pub(crate) fn log(&self) -> String {
        self.lock().log()
    }

    /// Returns how often the system has killed a process of the host for lack of memory.
    pub(crate) fn memory_kills(&self) -> Option<u64> {
        self.memory.as_ref().and_then(MemoryGroup::kills)
    }

    /// Starts the host, and waits until it answers.
    pub(crate) fn start(&self) -> anyhow::Result<Duration> {
        launch(&mut self.lock())
    }

    /// Kills the host, and starts it again. Returns how long the start took.
    pub(crate) fn kill(&self) -> anyhow::Result<Duration> {
        let mut process = self.lock();
        process.kill()?;
        launch(&mut process)
    }

    /// Asks the host to end, and starts it again.
    pub(crate) fn terminate(&self) -> anyhow::Result<Duration> {
        let mut process = self.lock();
        let status = process.terminate().context("the host was sent SIGTERM")?;
        if !status.success() {
            launch(&mut process)?;
            return Err(anyhow!(
                "the host was sent SIGTERM, and ended with {status}"
            ));
        }
        launch(&mut process)
    }

    /// Stops the host for a while, as if the machine were suspended.
    pub(crate) fn stop_for(&self, time: Duration) -> anyhow::Result<()> {
        let process = self.lock();
        let id = process.id().and_then(|id| i32::try_from(id).ok());
        let id = id
            .and_then(Pid::from_raw)
            .context("the host is not running")?;
        kill_process(id, Signal::STOP)?;
        pause(time);
        kill_process(id, Signal::CONT)?;
        Ok(())
    }

    /// Starts the host again if it has ended by itself, which is a fault.
    pub(crate) fn watch(&self, fault_log: &FaultLog) {
        let Ok(mut process) = self.process.try_lock() else {
            return;
        };
        let state = process.id().map(state);
        if matches!(state, Some(Some('Z' | 'X') | None)) {
            let how = process.wait_for(Probe::Health);
            let how = how
                .err()
                .map_or_else(String::new, |error| error.to_string());
            fault_log.fault(format!("the host ended by itself: {how}"));
            if let Err(error) = launch(&mut process) {
                fault_log.fault(format!("the host does not start again: {error:#}"));
            }
        }
    }

    /// Waits until the host says that it can take work. Returns how long that took, or `None` if the host's patience
    /// was not enough.
    pub(crate) fn until_ready(&self) -> Option<Duration> {
        let began = Moment::now();
        loop {
            let ready = self.client().get("/readyz");
            if ready.is_ok_and(|answer| answer.status == 200) {
                return Some(began.elapsed());
            }
            if began.elapsed() > self.timeout {
                return None;
            }
            pause(Duration::from_millis(100));
        }
    }

    /// Returns the value of a metric without labels.
    pub(crate) fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let answer = self.client().get("/metrics")?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = value.with_context(|| format!("the host does not count {name}"))?;
        Ok(value.trim().parse()?)
    }

    fn lock(&self) -> MutexGuard<'_, HostProcess> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The order matters: the host uses the disk and the cgroup, so it ends first. The folder is removed last, when
        // the process is dropped.
        let _ = self.lock().kill();
        self.memory = None;
        self.disk = None;
    }
}

fn launch(process: &mut HostProcess) -> anyhow::Result<Duration> {
    let before = process.log().len();
    process.start(&SETTINGS, Probe::Health).map_err(|error| {
        let log = process.log();
        let said = log.get(before..).unwrap_or_default();
        anyhow!("{error}; what it logged:\n{said}")
    })
}

/// Returns the letter by which Linux names the state of a process, or `None` if there is no such process.
fn state(process: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.chars().next()
}

/// Returns a path as one quoted word of a shell.
fn quoted(path: &Path) -> String {
    let path = PathBuf::from(path).to_string_lossy().replace('\'', r"'\''");
    format!("'{path}'")
}
