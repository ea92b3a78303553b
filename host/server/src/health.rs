//! The health of the host: whether it can take work, and which of its parts do not work properly.
//!
//! The host is ready if it can make something durable. Its usual writes show this. If there are none, a request for the
//! readiness causes a write that changes nothing, at most one a second. So a host that nobody asks writes nothing, and
//! a host that is asked every ten seconds writes that often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dormouse_runtime::{Readiness, Runtime};
use dormouse_store_redb::RedbStore;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::log::Lines;
use crate::machine::compiler::CompilerHistory;

/// The host is not ready if nothing became durable for this long.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time between two writes that only show that the host can write.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// A part of the host that does not work properly, while the host continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Degraded {
    /// There is too little space for anything but housekeeping.
    DiskFull,
    /// The reserve of the disk was given up, and is not complete again.
    DiskReserve,
    /// Lines of the log are dropped.
    Log,
    /// There are secrets that no key of the host opens.
    Secrets,
    /// The compiler cannot be run.
    Compiler,
    /// The host is paused.
    Paused,
}

impl Degraded {
    /// All parts that can be degraded.
    pub const ALL: [Degraded; 6] = [
        Degraded::DiskFull,
        Degraded::DiskReserve,
        Degraded::Log,
        Degraded::Secrets,
        Degraded::Compiler,
        Degraded::Paused,
    ];

    /// Returns the name, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Degraded::DiskFull => "disk-full",
            Degraded::DiskReserve => "disk-reserve",
            Degraded::Log => "log",
            Degraded::Secrets => "secrets",
            Degraded::Compiler => "compiler",
            Degraded::Paused => "paused",
        }
    }

    /// Returns what the state means and what to do, for people.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Degraded::DiskFull => {
                "the disk of the data directory is full: make room there. Reading and housekeeping go on"
            }
            Degraded::DiskReserve => {
                "the reserve on the disk was used, and is made again when there is space: make room on the disk of the \
                 data directory"
            }
            Degraded::Log => {
                "lines of the log are dropped, because the reader of standard error is too slow"
            }
            Degraded::Secrets => {
                "the host has no key for some secrets: give it the key, or set these secrets again"
            }
            Degraded::Compiler => "the compiler cannot be run; the host's log says why",
            Degraded::Paused => {
                "the host is paused: requests, events and starts are kept, and nothing is executed or sent until \
                 `dormouse resume --host`"
            }
        }
    }
}

/// The parts whose state is checked, besides the runtime.
#[derive(Clone, Default)]
pub struct Sources {
    /// The log.
    pub log: Lines,
    /// The results of compilers.
    pub compiler: CompilerHistory,
    /// The store on the disk.
    pub store: Option<RedbStore>,
}

/// The health of a host. Clones share it.
#[derive(Clone)]
pub struct Health(Arc<Shared>);

struct Shared {
    runtime: Runtime,
    sources: Sources,
    writes: Mutex<RecentWrites>,
    /// Notified when a write that tests the store has ended.
    ended: watch::Sender<()>,
}

/// What is known about writes.
#[derive(Debug)]
struct RecentWrites {
    /// When something last became durable, as far as is known.
    durable: Option<Instant>,
    /// The number of groups that had been committed at the last look, and the time of that look.
    groups: (u64, Instant),
    /// Since when a write is waited for.
    waiting: Option<Instant>,
    /// Why the last write failed.
    failed: Option<String>,
}

impl Health {
    /// Creates the health of a host with these parts.
    #[must_use]
    pub fn new(runtime: Runtime, sources: Sources) -> Self {
        let groups = (runtime.commits().groups, Instant::now());
        Health(Arc::new(Shared {
            runtime,
            sources,
            writes: Mutex::new(RecentWrites {
                durable: None,
                groups,
                waiting: None,
                failed: None,
            }),
            ended: watch::Sender::new(()),
        }))
    }

    /// Returns the parts that do not work properly.
    pub async fn degraded(&self) -> Vec<Degraded> {
        let mut degraded = self.seen();
        // If secrets cannot be read now, nothing is known about them.
        if self
            .0
            .runtime
            .closed_secrets()
            .await
            .is_ok_and(|closed| closed > 0)
        {
            degraded.push(Degraded::Secrets);
        }
        degraded
    }

    /// Returns the parts that do not work properly, as far as that needs no read.
    fn seen(&self) -> Vec<Degraded> {
        let Sources {
            log,
            compiler,
            store,
        } = &self.0.sources;
        let mut degraded = Vec::new();
        if self.0.runtime.is_disk_full() {
            degraded.push(Degraded::DiskFull);
        }
        if store.as_ref().is_some_and(RedbStore::is_reserve_touched) {
            degraded.push(Degraded::DiskReserve);
        }
        if log.is_dropping() {
            degraded.push(Degraded::Log);
        }
        if self.0.runtime.pauses().host.is_some() {
            degraded.push(Degraded::Paused);
        }
        if compiler.is_failing() {
            degraded.push(Degraded::Compiler);
        }
        degraded
    }

    /// Returns whether the host can take work. This may take as long as a write, within a limit.
    pub async fn readiness(&self) -> Readiness {
        if let Readiness::NotReady(why) = self.0.runtime.readiness() {
            return Readiness::NotReady(why);
        }
        let deadline = Instant::now() + WRITE_TIMEOUT;
        let mut ended = self.0.ended.subscribe();
        loop {
            let now = Instant::now();
            if let Some(readiness) = self.known_readiness(now) {
                return readiness;
            }
            if now >= deadline {
                return not_durable();
            }
            // The write has ended, or is given up at the deadline.
            let _ = tokio::time::timeout_at(deadline, ended.changed()).await;
        }
    }

    /// Decides by what is known about writes. None if a write must be waited for, which is then under way.
    fn known_readiness(&self, now: Instant) -> Option<Readiness> {
        let groups = self.0.runtime.commits().groups;
        let mut writes = self.writes();
        let starts = writes.look(groups, now);
        let known = writes.known_readiness(now);
        drop(writes);
        if starts {
            let health = self.clone();
            tokio::spawn(async move { health.write().await });
        }
        known
    }

    /// Writes something that changes nothing.
    async fn write(&self) {
        let written = self.0.runtime.probe().await;
        let mut writes = self.writes();
        writes.waiting = None;
        match written {
            Ok(()) => {
                writes.durable = Some(Instant::now());
                writes.failed = None;
            }
            Err(error) => writes.failed = Some(error.to_string()),
        }
        drop(writes);
        self.0.ended.send_replace(());
    }

    /// Logs when a part begins or ceases to be degraded, and restores the reserve of the disk, as long as the host
    /// runs.
    pub async fn watch(self) {
        let mut before = Vec::new();
        let mut ticks = tokio::time::interval(PROBE_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let degraded = self.seen();
            for new in degraded.iter().filter(|what| !before.contains(*what)) {
                tracing::warn!(what = new.name(), "degraded: {}", new.explanation());
            }
            for over in before.iter().filter(|what| !degraded.contains(what)) {
                tracing::info!(what = over.name(), "a part of the host works again");
            }
            if degraded.contains(&Degraded::DiskReserve)
                && let Some(store) = self.0.sources.store.clone()
            {
                // On some file systems, the whole reserve is written.
                let tended = tokio::task::spawn_blocking(move || store.restore_reserve());
                drop(tended.await);
            }
            before = degraded;
        }
    }

    fn writes(&self) -> MutexGuard<'_, RecentWrites> {
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecentWrites {
    /// Notes the number of committed groups. Returns true if a write must be begun, which counts as waited for.
    fn look(&mut self, groups: u64, now: Instant) -> bool {
        let (before, looked) = self.groups;
        // If two looks are far apart, the write may have been at any time between them.
        if groups != before && now.saturating_duration_since(looked) <= WRITE_TIMEOUT {
            self.durable = Some(now);
        }
        self.groups = (groups, now);
        let is_fresh = self.since(now).is_some_and(|since| since < PROBE_INTERVAL);
        let starts = self.waiting.is_none() && !is_fresh && self.failed.is_none();
        if starts {
            self.waiting = Some(now);
        }
        starts
    }

    fn known_readiness(&mut self, now: Instant) -> Option<Readiness> {
        if let Some(why) = self.failed.take() {
            return Some(Readiness::NotReady(why));
        }
        if self.since(now).is_some_and(|since| since < WRITE_TIMEOUT) {
            return Some(Readiness::Ready);
        }
        let waited = self
            .waiting
            .map(|began| now.saturating_duration_since(began))?;
        (waited >= WRITE_TIMEOUT).then(not_durable)
    }

    fn since(&self, now: Instant) -> Option<Duration> {
        self.durable
            .map(|durable| now.saturating_duration_since(durable))
    }
}

fn not_durable() -> Readiness {
    let seconds = WRITE_TIMEOUT.as_secs();
    Readiness::NotReady(format!("no write became durable in {seconds} s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(now: Instant) -> RecentWrites {
        RecentWrites {
            durable: None,
            groups: (0, now),
            waiting: None,
            failed: None,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_idle_host_is_asked_to_write_and_is_ready_if_it_does() {
        let start = Instant::now();
        let mut writes = writes(start);
        assert!(writes.look(0, start));
        assert_eq!(writes.known_readiness(start), None);
        assert!(!writes.look(0, start + SECOND), "one write at a time");
        let late = start + WRITE_TIMEOUT;
        let refused = writes.known_readiness(late);
        assert!(
            matches!(refused, Some(Readiness::NotReady(why)) if why.contains("durable in 5 s"))
        );
        writes.waiting = None;
        writes.durable = Some(late);
        assert!(!writes.look(0, late));
        assert_eq!(writes.known_readiness(late), Some(Readiness::Ready));
    }

    #[test]
    fn nothing_is_written_while_writes_flow() {
        let start = Instant::now();
        let mut writes = writes(start);
        for second in 1..100 {
            let now = start + second * SECOND;
            assert!(!writes.look(u64::from(second), now));
            assert_eq!(writes.known_readiness(now), Some(Readiness::Ready));
        }
        let idle = start + 101 * SECOND;
        assert!(writes.look(99, idle));
        assert_eq!(
            writes.known_readiness(idle),
            Some(Readiness::Ready),
            "2 s are not too long"
        );
    }

    #[test]
    fn writes_of_long_ago_show_nothing() {
        let start = Instant::now();
        let mut writes = writes(start);
        let now = start + 2 * WRITE_TIMEOUT;
        assert!(writes.look(1, now));
        assert_eq!(writes.known_readiness(now), None);
    }

    #[test]
    fn a_refused_write_is_reported_once_and_tried_again() {
        let start = Instant::now();
        let mut writes = writes(start);
        assert!(writes.look(0, start));
        writes.waiting = None;
        writes.failed = Some("full".into());
        assert!(!writes.look(0, start));
        assert_eq!(
            writes.known_readiness(start),
            Some(Readiness::NotReady("full".into()))
        );
        assert!(writes.look(0, start));
    }
}
