//! The host: the real program, its data in a folder of its own, killed and started again as a test wants.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::http::{Answer, Request, request};
use crate::patience::{PATIENCE, wait_until};
use crate::port::Port;
use crate::program::{ALWAYS, UNHURRIED, guest, program};
use crate::run::Run;

/// A host. It is killed when the test ends.
#[derive(Debug)]
pub struct Host {
    folder: TempDir,
    port: Port,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
    token: Option<String>,
    child: Option<Child>,
    has_script: AtomicBool,
}

impl Host {
    /// A host that takes requests, and lets workflows call services on this machine, where all of them are in a test.
    #[must_use]
    pub fn start() -> Self {
        Host::with(&["--allow-private-egress"])
    }

    /// A host that takes requests, with these settings and no others.
    ///
    /// # Panics
    /// When it does not get that far.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        Host::new(settings, &[], None)
    }

    /// The same, with these variables in its environment.
    #[must_use]
    pub fn with_environment(variables: &[(&str, &str)], settings: &[&str]) -> Self {
        Host::new(settings, variables, None)
    }

    /// The same, with a token in its environment and in every request that is made through this value.
    #[must_use]
    pub fn with_token(token: &str, settings: &[&str]) -> Self {
        Host::new(settings, &[("DORMOUSE_API_TOKEN", token)], Some(token))
    }

    fn new(settings: &[&str], variables: &[(&str, &str)], token: Option<&str>) -> Self {
        let mut host = Host::unstarted(settings);
        let variable = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        host.environment = variables.iter().map(variable).collect();
        host.token = token.map(str::to_owned);
        host.resume();
        host
    }

    /// A host that is still to be started, with these settings: its data can be put in place before.
    ///
    /// # Panics
    /// When the machine has no room for it.
    #[must_use]
    pub fn unstarted(settings: &[&str]) -> Self {
        Host {
            folder: tempfile::tempdir().unwrap(),
            port: Port::reserve(),
            settings: settings.iter().map(|&setting| setting.to_owned()).collect(),
            environment: Vec::new(),
            token: None,
            child: None,
            has_script: AtomicBool::new(false),
        }
    }

    /// Its URL, without a slash at the end; webhooks' URLs begin with it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    /// Its address and port.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    /// Where its data lies.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The id of its process.
    ///
    /// # Panics
    /// When it is dead.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        let child = self.child.as_ref().expect("a host that was not killed");
        child.id()
    }

    /// The processor time, in ticks of the kernel's clock, of its child processes that have ended.
    ///
    /// # Panics
    /// When it is dead, or this is no Linux.
    #[must_use]
    pub fn children_processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process_id())).unwrap();
        // The name, in parentheses, may hold spaces. Behind it stand the fields from the third on.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let [user, system] = [16, 17].map(|field| fields[field - 3].parse::<u64>().unwrap());
        user + system
    }

    /// The most memory that it ever had, in bytes.
    ///
    /// # Panics
    /// When it is dead, or this is no Linux.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        let child = self.child.as_ref().expect("a host that was not killed");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = peak
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib << 10
    }

    /// What it logged, from its first start on.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// Ends it as a power failure would: it does not get to do anything any more.
    ///
    /// # Panics
    /// When it is dead already.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("a host that was not killed");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks it to end, and gives how it did.
    ///
    /// # Panics
    /// When it is dead already, or does not end.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("a host that was not killed");
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
        wait_until("the end of the host", || child.try_wait().unwrap())
    }

    /// Starts it again on the data that it left.
    ///
    /// # Panics
    /// When it does not get that far.
    pub fn resume(&mut self) {
        if let Err((status, log)) = self.try_resume() {
            panic!("the host ended with {status}:\n{log}");
        }
    }

    /// The same, for a host that may refuse.
    ///
    /// # Errors
    /// How it ended, and what it said.
    ///
    /// # Panics
    /// When it neither answers nor ends.
    pub fn try_resume(&mut self) -> Result<(), (ExitStatus, String)> {
        let said_before = self.log().len();
        self.launch();
        let alive = request("GET", format!("{}/healthz", self.url()));
        let child = self.child.as_mut().expect("a host that was launched");
        let ended = wait_until("a host that answers", || match child.try_wait().unwrap() {
            Some(status) => Some(Some(status)),
            None => alive
                .clone()
                .try_send()
                .is_ok_and(|answer| answer.status == 200)
                .then_some(None),
        });
        match ended {
            None => Ok(()),
            Some(status) => {
                self.child = None;
                Err((status, self.log()[said_before..].to_owned()))
            }
        }
    }

    /// Starts it again, and does not wait until it answers.
    ///
    /// # Panics
    /// When there is no such program.
    pub fn launch(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_file())
            .unwrap();
        let mut command = program();
        command
            .args(["serve", "--data-dir"])
            .arg(self.data_dir())
            .args(ALWAYS);
        // `--listen=ADDRESS` among a test's settings has no port: that is the one reserved here.
        let listen = self
            .settings
            .iter()
            .find_map(|setting| setting.strip_prefix("--listen="));
        let listen = format!("{}:{}", listen.unwrap_or("127.0.0.1"), self.port.number());
        command.args(["--listen", &listen]);
        command.args(
            self.settings
                .iter()
                .filter(|setting| !setting.starts_with("--listen=")),
        );
        command.envs(UNHURRIED);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        self.child = Some(command.spawn().unwrap());
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) {
        self.kill();
        self.resume();
    }

    /// A host with other settings on the data that this one leaves. It must be dead.
    #[must_use]
    pub fn resume_with(mut self, settings: &[&str]) -> Self {
        self.settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        self.resume();
        self
    }

    /// A request to it.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.api().request(method, path)
    }

    /// Sends it a GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send()
    }

    /// Sends it a POST without a content type.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", path).body(body).send()
    }

    /// Uploads a component. Compiling it takes as long as it takes: the host does that at low priority.
    #[track_caller]
    pub fn upload(&self, workflow: &str, component: &[u8]) -> Answer {
        self.request("PUT", &format!("/v1/workflows/{workflow}"))
            .body(component)
            .within(10 * PATIENCE)
            .send()
    }

    /// Deploys a guest under this name, and gives the version.
    ///
    /// # Panics
    /// When it is not taken.
    #[track_caller]
    pub fn deploy(&self, workflow: &str, guest_name: &str) -> String {
        let answer = self.upload(workflow, &guest(guest_name));
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        answer.field("version")
    }

    /// Starts a run.
    ///
    /// # Panics
    /// When it is not started.
    #[track_caller]
    pub fn start_run(&self, workflow: &str, input: &Value) -> Run {
        let path = format!("/v1/workflows/{workflow}/runs");
        let answer = self.request("POST", &path).json(input).send().expect(202);
        self.run(&answer.field("id"))
    }

    /// Starts a run of the scripted guest, which is deployed for the first.
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
    /// When it is not set.
    #[track_caller]
    pub fn set_secret(&self, name: &str, value: &str, uses: &Value) {
        let path = format!("/v1/secrets/{name}");
        let secret = json!({"value": value, "uses": uses});
        let answer = self.request("PUT", &path).json(&secret).send();
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
    }

    /// How often webhooks were answered with this outcome since its start.
    ///
    /// # Panics
    /// When it does not tell.
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

    /// Whether a file of its data has this text.
    ///
    /// # Panics
    /// When it has none.
    #[must_use]
    pub fn has_stored(&self, text: &str) -> bool {
        let mut files = fs::read_dir(self.data_dir()).unwrap().peekable();
        assert!(files.peek().is_some(), "no data");
        files.any(|file| {
            let content = fs::read(file.unwrap().path()).unwrap_or_default();
            let mut windows = content.windows(text.len());
            windows.any(|window| window == text.as_bytes())
        })
    }

    /// The run with this id.
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

    fn log_file(&self) -> PathBuf {
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
        if std::thread::panicking() {
            eprintln!("what the host logged:\n{}", self.log());
        }
    }
}
