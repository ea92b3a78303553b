//! The process of a host. It can be started on a data directory, killed, asked to end, and started again.

use std::fs::{self, File};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::error::{StartError, StopError};
use crate::guard::ChildGuard;
use crate::port::Port;
use crate::probe::Probe;
use crate::time::{Stopwatch, pause};
use crate::usage::ProcessUsage;

/// How long a host may take to start or to end by default. Both take between one and ten seconds, and more on a busy
/// machine.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The time between two looks at a host that starts or ends. The benchmark measures starts with this precision.
const POLL: Duration = Duration::from_millis(1);

/// A host as a separate process, with a port, and with a temporary folder for its data and its log.
///
/// The process gets no environment variables except those that are given here. When this is dropped, the process is
/// killed and the folder is removed.
#[derive(Debug)]
pub struct HostProcess {
    // Fields are dropped in this order: the process ends before the folder that it writes to is removed.
    process: Option<ChildGuard>,
    folder: TempDir,
    program: PathBuf,
    port: Port,
    listen_ip: IpAddr,
    environment: Vec<(String, String)>,
    timeout: Duration,
}

impl HostProcess {
    /// Returns a host that is not started yet, with its data in the system's folder for temporary files.
    ///
    /// # Errors
    /// If no folder can be made, or no port is free.
    pub fn new(program: PathBuf) -> io::Result<Self> {
        Self::with_folder(program, tempfile::tempdir()?)
    }

    /// Returns a host that is not started yet, with its data in a temporary folder inside `parent`.
    ///
    /// # Errors
    /// If no folder can be made, or no port is free.
    pub fn new_in(program: PathBuf, parent: &Path) -> io::Result<Self> {
        Self::with_folder(program, tempfile::tempdir_in(parent)?)
    }

    fn with_folder(program: PathBuf, folder: TempDir) -> io::Result<Self> {
        Ok(HostProcess {
            process: None,
            folder,
            program,
            port: Port::reserve()?,
            listen_ip: Ipv4Addr::LOCALHOST.into(),
            environment: Vec::new(),
            timeout: TIMEOUT,
        })
    }

    /// Adds a variable to the environment of the process.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets how long the host may take to start or to end.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the address on which the host listens from its next start on. The port stays the same, and the host must
    /// still be reachable through the loopback interface.
    pub fn listen_on(&mut self, ip: IpAddr) {
        self.listen_ip = ip;
    }

    /// Returns the address at which the host can be reached.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.number()).into()
    }

    /// Returns the URL of the host, without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Returns the path of the data directory. The host makes the directory at its first start, unless it exists
    /// already.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns everything that the host has written to standard output and standard error since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(self.log_file())
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// Returns the id of the process, if there is one.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().map(ChildGuard::id)
    }

    /// Returns the resource usage of the process, if there is one.
    #[must_use]
    pub fn usage(&self) -> Option<ProcessUsage> {
        self.id().map(ProcessUsage::of)
    }

    /// Starts the host with these arguments, and waits until it answers. Returns how long that took.
    ///
    /// The arguments follow `serve`, the address and the data directory.
    ///
    /// # Errors
    /// If the program cannot be run, or ends instead, or does not answer in time.
    pub fn start(&mut self, arguments: &[&str], probe: Probe) -> Result<Duration, StartError> {
        let watch = Stopwatch::start();
        self.spawn(arguments)?;
        self.wait_for(probe)?;
        Ok(watch.elapsed())
    }

    /// Starts the host with these arguments, and does not wait for an answer. A process that still runs is killed
    /// first.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn spawn(&mut self, arguments: &[&str]) -> Result<(), StartError> {
        self.process = None;
        let [output, errors] = self.open_log().map_err(|source| StartError::Log {
            path: self.log_file(),
            source,
        })?;
        let listen = SocketAddr::new(self.listen_ip, self.port.number()).to_string();
        let mut command = Command::new(&self.program);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args(["serve", "--listen", &listen, "--data-dir"])
            .arg(self.data_dir())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let process = ChildGuard::spawn(&mut command).map_err(|source| StartError::Spawn {
            program: self.program.clone(),
            source,
        })?;
        self.process = Some(process);
        Ok(())
    }

    /// Waits until the host answers.
    ///
    /// # Errors
    /// If the process ends instead, or does not answer in time.
    pub fn wait_for(&mut self, probe: Probe) -> Result<(), StartError> {
        let address = self.address();
        let watch = Stopwatch::start();
        loop {
            let process = self.process.as_mut().ok_or(StartError::NotRunning)?;
            if probe.succeeds(address) {
                return Ok(());
            }
            if let Some(status) = process.child().try_wait().map_err(StartError::Watch)? {
                self.process = None;
                return Err(StartError::Ended(status));
            }
            if watch.elapsed() >= self.timeout {
                return Err(StartError::NoAnswer(self.timeout));
            }
            pause(POLL);
        }
    }

    /// Kills the process (SIGKILL), and waits until it is gone. For the host this is like a power failure, except that
    /// the kernel keeps the data that the host wrote.
    ///
    /// # Errors
    /// If there is no process, or it cannot be killed.
    pub fn kill(&mut self) -> Result<(), StopError> {
        let process = self.process.take().ok_or(StopError::NotRunning)?;
        Ok(process.kill()?)
    }

    /// Asks the process to end (SIGTERM), and waits until it has ended. Returns how it ended.
    ///
    /// # Errors
    /// If there is no process, or if it does not end in time. In the second case it is killed.
    pub fn terminate(&mut self) -> Result<ExitStatus, StopError> {
        let mut process = self.process.take().ok_or(StopError::NotRunning)?;
        kill_process(Pid::from_child(process.child()), Signal::TERM).map_err(io::Error::from)?;
        let watch = Stopwatch::start();
        loop {
            if let Some(status) = process.child().try_wait()? {
                return Ok(status);
            }
            if watch.elapsed() >= self.timeout {
                return Err(StopError::Stuck(self.timeout));
            }
            pause(POLL);
        }
    }

    /// Opens the file of the host's log, once for each of the two outputs of the process.
    fn open_log(&self) -> io::Result<[File; 2]> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())?;
        Ok([log.try_clone()?, log])
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("host.log")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    /// Returns a process of a program in `testdata`, which is used instead of a host.
    fn host(program: &str) -> HostProcess {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        HostProcess::new(folder.join(program)).unwrap()
    }

    #[test]
    fn a_host_that_ends_is_not_waited_for() {
        let mut host = host("ends").with_variable("WORD", "given");
        for _ in 0..2 {
            let error = host.start(&["--flag"], Probe::Health).unwrap_err();
            let is_told = matches!(&error, StartError::Ended(status) if status.code() == Some(3));
            assert!(is_told, "{error}");
            assert_eq!(host.id(), None);
        }
        let arguments = format!(
            "serve --listen {} --data-dir {} --flag",
            host.address(),
            host.data_dir().display()
        );
        let line = format!("HOME is not set, WORD is given, started with {arguments}\n");
        assert_eq!(host.log(), line.repeat(2));
    }

    #[test]
    fn a_host_that_neither_answers_nor_ends_is_given_up() {
        let mut host = host("stays").with_timeout(Duration::from_millis(20));
        let error = host.start(&[], Probe::Health).unwrap_err();
        assert!(matches!(error, StartError::NoAnswer(_)), "{error}");
        assert!(host.id().is_some());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = host("missing").spawn(&[]).unwrap_err().to_string();
        assert!(error.contains("testdata/missing"), "{error}");
    }

    #[test]
    fn a_host_is_killed_or_asked_to_end() {
        let mut host = host("stays");
        assert!(matches!(host.kill(), Err(StopError::NotRunning)));
        host.spawn(&[]).unwrap();
        host.kill().unwrap();
        assert!(matches!(host.terminate(), Err(StopError::NotRunning)));
        host.spawn(&[]).unwrap();
        let status = host.terminate().unwrap();
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    }

    #[test]
    fn nothing_is_left_of_a_host_that_is_dropped() {
        let mut host = host("stays");
        host.spawn(&[]).unwrap();
        let process = i32::try_from(host.id().unwrap()).unwrap();
        let process = Pid::from_raw(process).unwrap();
        let folder = host.folder.path().to_owned();
        rustix::process::test_kill_process(process).unwrap();
        assert!(folder.exists());
        drop(host);
        rustix::process::test_kill_process(process).unwrap_err();
        assert!(!folder.exists());
    }

    #[test]
    fn a_process_that_is_there_is_killed_before_the_next_one_starts() {
        let mut host = host("stays");
        host.spawn(&[]).unwrap();
        let first = i32::try_from(host.id().unwrap()).unwrap();
        host.spawn(&[]).unwrap();
        rustix::process::test_kill_process(Pid::from_raw(first).unwrap()).unwrap_err();
        assert!(host.id().is_some());
    }
}
