//! Runs that sleep and then make a call. None may wake early, all must wake, and a call that is made again must have
//! the same key.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use crate::api::Api;
use crate::faults::FaultLog;
use crate::host::Host;
use crate::neighbours::WORKFLOW;
use crate::rng::SeededRng;
use crate::service::Service;
use crate::time::{Moment, pause};

/// The time between two starts. `LONGEST` is the longest sleep, and `MOST` the largest number of sleepers in a
/// storm.
const EVERY: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(20);
const MOST: usize = 3_000;

/// The tolerance for a sleep. The host counts whole milliseconds, and a clock is read at both ends.
const TOLERANCE: Duration = Duration::from_millis(3);

#[derive(Debug)]
struct Sleeper {
    run: String,
    /// The moment before the start was sent for the first time.
    sent: Moment,
    sleeps: Duration,
}

/// All sleepers. The first one is number 0.
#[derive(Debug, Default)]
pub(crate) struct Sleepers(Mutex<Vec<Sleeper>>);

impl Sleepers {
    /// Starts sleepers until the storm is over.
    pub(crate) fn start(
        &self,
        host: &Host,
        service: &Service,
        fault_log: &FaultLog,
        over: &AtomicBool,
        mut rng: SeededRng,
    ) {
        let mut api = Api::new(host);
        for number in 0..MOST {
            if over.load(Ordering::Relaxed) {
                return;
            }
            let sent = Moment::now();
            let sleeps = rng.time(LONGEST);
            let key = format!("sleeper-{number}");
            match api.start(WORKFLOW, &key, &script(service, number, sleeps)) {
                Ok(run) => {
                    let sleeper = Sleeper { run, sent, sleeps };
                    self.0
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(sleeper);
                }
                Err(error) => return fault_log.fault(format!("sleeper {number}: {error:#}")),
            }
            pause(EVERY);
        }
    }

    /// Waits for all sleepers and checks them. Returns their number, and the longest delay of a wake.
    pub(crate) fn check(
        &self,
        host: &Host,
        service: &Service,
        fault_log: &FaultLog,
    ) -> (usize, Duration) {
        let sleepers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = Moment::now().after(LONGEST + host.timeout);
        let mut latest = Duration::ZERO;
        for (number, sleeper) in sleepers.iter().enumerate() {
            match check_one(host, service, number, sleeper, until) {
                Ok(late) => latest = latest.max(late),
                Err(error) => fault_log.fault(format!("sleeper {number}: {error:#}")),
            }
        }
        (sleepers.len(), latest)
    }
}

fn script(service: &Service, number: usize, sleeps: Duration) -> Value {
    let sleeps = u64::try_from(sleeps.as_millis()).unwrap_or(u64::MAX);
    json!({"seq": [
        {"sleep": sleeps},
        {"call": {"method": "POST", "url": service.remembering(number), "attempts": 30, "delay_ms": 100}},
    ]})
}

fn check_one(
    host: &Host,
    service: &Service,
    number: usize,
    sleeper: &Sleeper,
    until: Moment,
) -> anyhow::Result<Duration> {
    let mut api = Api::new(host);
    let run = &sleeper.run;
    loop {
        let shown = api.run(run)?;
        match shown
            .as_ref()
            .map(|shown| shown["status"].as_str().unwrap_or_default())
        {
            // A run that has ended is removed after its retention.
            Some("completed") | None => break,
            Some("failed" | "cancelled" | "blocked") => {
                bail!("the run {run} did not complete: {shown:?}")
            }
            _ if until.is_past() => bail!("the run {run} did not end: {shown:?}"),
            _ => pause(Duration::from_millis(200)),
        }
    }
    let calls = service.calls(number);
    let Some(first) = calls.first() else {
        bail!("the run {run} has ended, and its call never came");
    };
    let is_one_key = calls.iter().all(|call| call.key == first.key) && !first.key.is_empty();
    ensure!(
        is_one_key,
        "the calls of {run} had different keys: {calls:?}"
    );
    let slept = first.at.since(sleeper.sent);
    ensure!(
        slept + TOLERANCE >= sleeper.sleeps,
        "the run {run} slept {slept:?} instead of {:?}",
        sleeper.sleeps
    );
    Ok(slept.saturating_sub(sleeper.sleeps))
}
