//! The host of a test: the real program with its own data, which a test can kill and start again.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};

use dormouse_harness::{HostProcess, Probe, ProcessUsage, StartError};
use serde_json::{Value, json};

use crate::api::Api;
use crate::http::{Answer, Request};
use crate::program::{ALWAYS, UNHURRIED, guest, program_file};
use crate::run::Run;
use crate::waiting::TIMEOUT;

/// A host. It is killed when the test ends.
#[derive(Debug)]
pub struct Host {
    process: HostProcess,
    settings: Vec<String>,
    token: Option<String>,
    has_script: AtomicBool,
}

impl Host {
    /// Starts a host that lets workflows call services on this machine, where all services of tests run.
    #[must_use]
    pub fn start() -> Self {
        Host::with(&["--allow-private-egress"])
    }

    /// Starts a host with these settings and no others.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        Host::new(settings, &[], None)
    }

    /// Starts a host with these settings, and with these variables in its environment.
    #[must_use]
    pub fn with_environment(variables: &[(&str, &str)], settings: &[&str]) -> Self {
        Host::new(settings, variables, None)
    }

    /// Starts a host with these settings and a token, which is in every request that is made through this value.
    #[must_use]
    pub fn with_token(token: &str, settings: &[&str]) -> Self {
        Host::new(settings, &[("DORMOUSE_API_TOKEN", token)], Some(token))
    }

    fn new(settings: &[&str], variables: &[(&str, &str)], token: Option<&str>) -> Self {
        let mut host = Host::unstarted_with(settings, variables, token);
        host.resume();
        host
    }

    /// Returns a host that is not started yet, so that a test can prepare its data first.
    ///
    /// # Panics
    /// If the machine has no room for it.
    #[must_use]
    pub fn unstarted(settings: &[&str]) -> Self {
        Host::unstarted_with(settings, &[], None)
    }

    fn unstarted_with(settings: &[&str], variables: &[(&str, &str)], token: Option<&str>) -> Self {
        let mut process = HostProcess::new(program_file()).unwrap();
        // If a variable is given twice, the last one counts.
        for (name, value) in UNHURRIED.iter().chain(variables) {
            process = process.with_variable(name, value);
        }
        Host {
            process,
            settings: owned(settings),
            token: token.map(str::to_owned),
            has_script: AtomicBool::new(false),
        }
    }

    /// Returns the URL of the host, without a slash at its end. URLs of webhooks begin with it.
    #[must_use]
    pub fn url(&self) -> String {
        self.process.url()
    }

    /// Returns the address and port of the host.
    #[must_use]
    pub fn authority(&self) -> String {
        self.process.address().to_string()
    }

    /// Returns the path of the data directory.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.process.data_dir()
    }

    /// Returns the id of the process.
    ///
    /// # Panics
    /// If the host is dead.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id().expect("a host that was not killed")
    }

    /// Returns the processor time that the host's ended child processes have used, in milliseconds.
    ///
    /// # Panics
    /// If the host is dead, or the system is not Linux.
    #[must_use]
    pub fn children_processor_time(&self) -> u128 {
        let time = self.usage().children_processor_time();
        time.unwrap().as_millis()
    }

    /// Returns the most memory that the host has occupied at any time, in bytes.
    ///
    /// # Panics
    /// If the host is dead, or the system is not Linux.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.usage().peak_memory().unwrap()
    }

    /// Returns everything that the host has logged since its first start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Kills the host, which is like a power failure: the host cannot do anything more.
    ///
    /// # Panics
    /// If the host is dead already.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
    }

    /// Asks the host to end, and returns how it ended.
    ///
    /// # Panics
    /// If the host is dead already, or does not end.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.terminate().unwrap()
    }

    /// Starts the host again on its data, and waits until it answers.
    ///
    /// # Panics
    /// If it does not answer.
    pub fn resume(&mut self) {
        if let Err((status, log)) = self.try_resume() {
            panic!("the host ended with {status}:\n{log}");
        }
    }

    /// Starts the host again as [`Host::resume`] does, on data that it may refuse.
    ///
    /// # Errors
    /// How the host ended, and what it has logged since this start.
    ///
    /// # Panics
    /// If the host neither answers nor ends.
    pub fn try_resume(&mut self) -> Result<(), (ExitStatus, String)> {
        let logged_before = self.log().len();
        self.launch();
        match self.process.wait_for(Probe::Health) {
            Ok(()) => Ok(()),
            Err(StartError::Ended(status)) => Err((status, self.log()[logged_before..].to_owned())),
            Err(error) => panic!("{error}"),
        }
    }

    /// Starts the host again, and does not wait until it answers.
    ///
    /// # Panics
    /// If the program is missing.
    pub fn launch(&mut self) {
        let mut ip = Ipv4Addr::LOCALHOST.into();
        let mut arguments = ALWAYS.to_vec();
        for setting in &self.settings {
            match setting.strip_prefix("--listen=") {
                // A test names only an address, since the harness has reserved the port.
                Some(listen) => ip = listen.parse().unwrap(),
                None => arguments.push(setting),
            }
        }
        self.process.listen_on(ip);
        self.process.spawn(&arguments).unwrap();
    }

    /// Kills the host and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.resume();
    }

    /// Starts the host again with other settings. It must not be running.
    #[must_use]
    pub fn resume_with(mut self, settings: &[&str]) -> Self {
        self.settings = owned(settings);
        self.resume();
        self
    }

    /// Returns a request to the host.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.api().request(method, path)
    }

    /// Sends a GET to the host.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// Sends a POST without a content type to the host.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", path).body(body).send()
    }

    /// Uploads a component. There is no time limit, since the host compiles at low priority.
    #[track_caller]
    pub fn upload(&self, workflow: &str, component: &[u8]) -> Answer {
        self.request("PUT", &format!("/v1/workflows/{workflow}"))
            .body(component)
            .within(10 * TIMEOUT)
            .send()
    }

    /// Deploys a guest under this name. Returns the version.
    ///
    /// # Panics
    /// If the host refuses it.
    #[track_caller]
    pub fn deploy(&self, workflow: &str, guest_name: &str) -> String {
        let answer = self.upload(workflow, &guest(guest_name));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        answer.field("version")
    }

    /// Starts a run.
    ///
    /// # Panics
    /// If the host refuses the start.
    #[track_caller]
    pub fn start_run(&self, workflow: &str, input: &Value) -> Run {
        let path = format!("/v1/workflows/{workflow}/runs");
        let answer = self.request("POST", &path).json(input).send().expect(202);
        self.run(&answer.field("id"))
    }

    /// Starts a run of the scripted guest. The first call deploys the guest.
    #[track_caller]
    pub fn script(&self, script: &Value) -> Run {
        if !self.has_script.swap(true, Ordering::SeqCst) {
            self.deploy("script", "script");
        }
        self.start_run("script", script)
    }

    /// Sets a secret for these uses.
    ///
    /// # Panics
    /// If the host refuses it.
    #[track_caller]
    pub fn set_secret(&self, name: &str, value: &str, uses: &Value) {
        let path = format!("/v1/secrets/{name}");
        let secret = json!({"value": value, "uses": uses});
        let answer = self.request("PUT", &path).json(&secret).send();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }

    /// Returns how often webhooks were answered with this outcome since the host started.
    ///
    /// # Panics
    /// If the host has no such counter.
    #[track_caller]
    pub fn hook_answers(&self, outcome: &str) -> u64 {
        let metrics = self.get("/metrics").expect(200).text();
        let label = format!("outcome=\"{outcome}\"");
        let is_meant =
            |line: &&str| line.starts_with("dormouse_hook_requests_total") && line.contains(&label);
        let counts = metrics.lines().filter(is_meant);
        let counts = counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
        counts.sum()
    }

    /// Returns true if a file of the data directory contains this text.
    ///
    /// # Panics
    /// If the data directory has no files.
    #[must_use]
    pub fn has_stored(&self, text: &str) -> bool {
        let mut files = fs::read_dir(self.data_dir()).unwrap().peekable();
        assert!(files.peek().is_some(), "no data");
        files.any(|file| {
            let file = file.unwrap();
            // The reserve file is large, and no data is written to it.
            if file.file_name() == "dormouse.reserve" {
                return false;
            }
            let content = fs::read(file.path()).unwrap_or_default();
            let mut windows = content.windows(text.len());
            windows.any(|window| window == text.as_bytes())
        })
    }

    /// Returns the run with this id.
    #[must_use]
    pub fn run(&self, id: &str) -> Run {
        Run::new(self.api(), id.to_owned())
    }

    fn api(&self) -> Api {
        Api {
            url: self.url(),
            token: self.token.clone(),
        }
    }

    fn usage(&self) -> ProcessUsage {
        self.process.usage().expect("a host that was not killed")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The host must be dead for its log to be complete. It may be dead already.
            let _ = self.process.kill();
            eprintln!("what the host logged:\n{}", self.log());
        }
    }
}

fn owned(settings: &[&str]) -> Vec<String> {
    settings.iter().map(|&setting| setting.to_owned()).collect()
}
