//! What all acts share: the host, and the webhooks that they use.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use crate::api::{Api, signed};
use crate::faults::FaultLog;
use crate::host::Host;
use crate::neighbours::WORKFLOW;
use crate::service::Service;

/// The duration of an act that has no end of its own.
pub(super) const DEFAULT_DURATION: Duration = Duration::from_secs(6);

/// The arguments of every act.
#[derive(Debug)]
pub(crate) struct ActContext<'a> {
    pub(crate) host: &'a Host,
    pub(crate) service: &'a Service,
    pub(crate) fault_log: &'a FaultLog,
    /// True if the storm is to end early.
    pub(crate) interrupted: &'a AtomicBool,
    pub(crate) targets: Targets,
}

/// The webhooks that acts call, and the locks of what only one act may use at a time.
#[derive(Debug)]
pub(crate) struct Targets {
    /// The path of a webhook whose run has ended.
    pub(crate) ended: String,
    /// The path of a webhook that checks signatures.
    pub(crate) signed: String,
    pub(crate) clock: Mutex<()>,
    pub(crate) disk: Mutex<()>,
    runs: AtomicU64,
}

impl Targets {
    /// Starts the runs whose webhooks the acts call.
    pub(crate) fn prepare(host: &Host) -> anyhow::Result<Self> {
        let mut api = Api::new(host);
        let open = json!({"seq": [{"webhook": "in"}, {"event": "end"}]});
        let run = api.start(WORKFLOW, "ended", &open)?;
        let ended = api.hook(&run)?;
        api.cancel(&run)?;
        let end = api.end(&run)?;
        ensure!(end["status"] == "cancelled", "it does not end: {end}");
        let waits = json!({"seq": [{"webhook": "in", "options": signed()}, {"wait": "in"}]});
        let run = api.start(WORKFLOW, "signed", &waits)?;
        let signed = api.hook(&run)?;
        Ok(Targets {
            ended,
            signed,
            clock: Mutex::default(),
            disk: Mutex::default(),
            runs: AtomicU64::new(0),
        })
    }
}

impl ActContext<'_> {
    /// Returns a number that no hostile run has had.
    pub(crate) fn next_run(&self) -> u64 {
        self.targets.runs.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }
}
