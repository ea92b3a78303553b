//! The simulated machine, and the hosts that start and crash on it.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use dormouse_engine::{Config, Engine, Program, open, seal};
use dormouse_journal::{Response, RunId, Time, Until, VersionId};
use dormouse_limits::Limits;
use dormouse_runtime::{Parts, RunStatus, Runtime, Settings};
use dormouse_scenario::InProcess;
use dormouse_seams::{Clock as _, Spawner as _, Task};
use dormouse_simulation::{Executor, Seam, Seeded};
use dormouse_store::rows::Part;
use dormouse_store::{OpenError, TableId};
use dormouse_store_memory::Memory;

use crate::machine::Network;
use crate::store_kind::DurableParts;
use crate::{Reading, SeededRng, SimDisk, SimEgress, StoreKind, guest};

/// The time at which every simulation begins: 2026-01-01.
pub(crate) const BEGINNING: Time = Time(1_767_225_600_000);

fn table(name: &str) -> redb::TableDefinition<'_, [u8; 32], &'static [u8]> {
    redb::TableDefinition::new(name)
}

/// Returns the engine for all worlds of a process. It has no state that a run can see.
fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let make = || {
        Engine::new(&Config { slots: POOL }).unwrap_or_else(|error| panic!("no engine: {error}"))
    };
    ENGINE.get_or_init(make).clone()
}

/// Returns the compiler for all worlds of a process, so that each component is compiled once.
fn compiler() -> Arc<InProcess> {
    static COMPILER: OnceLock<Arc<InProcess>> = OnceLock::new();
    let make = || Arc::new(InProcess::new(engine()));
    COMPILER.get_or_init(make).clone()
}

/// The number of slots of the engine. They are enough for the worlds of a process that has a thread for each test.
const POOL: u32 = 16 * SLOTS;

/// The largest number of instances of a world. It is small, so that the pool is reserved quickly, and so that runs wait
/// in queues under load.
const SLOTS: u32 = 64;

/// A simulated machine.
pub struct World {
    store_kind: StoreKind,
    executor: Arc<Executor>,
    kept: DurableParts,
    egress: SimEgress,
    entropy: Arc<Seeded>,
    engine: Engine,
    settings: Settings,
    reading: Mutex<Option<Reading>>,
}

impl World {
    /// Returns a new machine.
    ///
    /// # Panics
    /// If the engine cannot be made.
    #[must_use]
    pub fn new(
        store_kind: StoreKind,
        seed: u64,
        egress: SimEgress,
        mut settings: Settings,
    ) -> Self {
        settings.limits.instances = settings.limits.instances.min(SLOTS);
        World {
            store_kind,
            executor: Executor::new(BEGINNING),
            kept: DurableParts::default(),
            egress,
            entropy: Arc::new(Seeded::new(seed)),
            engine: engine(),
            settings,
            reading: Mutex::new(None),
        }
    }

    /// Starts a host on the content of the disk.
    ///
    /// # Panics
    /// If the store cannot be opened.
    #[must_use]
    pub fn host(&self) -> Runtime {
        self.try_host()
            .unwrap_or_else(|error| panic!("the host does not start: {error}"))
    }

    /// Returns a new machine and a host on it that has the guest `script`, with a network that answers every call with
    /// 200.
    ///
    /// # Panics
    /// If the host cannot be started.
    #[must_use]
    pub fn with_script(
        store_kind: StoreKind,
        seed: u64,
        change: impl FnOnce(&mut Settings),
    ) -> (Self, Runtime) {
        let mut settings = Settings::default();
        change(&mut settings);
        let answer = Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        };
        let network = SimEgress::new(move |_| Ok(answer.clone()));
        let world = World::new(store_kind, seed, network, settings);
        let host = world.host();
        world.deploy(&host, "script");
        (world, host)
    }

    /// Starts a host on the content of the disk, if the disk allows that.
    ///
    /// # Errors
    /// If the store cannot be opened.
    pub fn try_host(&self) -> Result<Runtime, OpenError> {
        let seam = Arc::new(Seam(self.executor.clone()));
        let opened = self
            .kept
            .open(self.store_kind, seam.clone(), &*self.entropy, seam.clone());
        let (store, reading) = self.run(opened)?;
        self.read_by(Some(reading));
        let parts = Parts {
            store,
            entropy: self.entropy.clone(),
            spawner: seam,
            egress: Arc::new(Network {
                egress: self.egress.clone(),
                clock: Seam(self.executor.clone()),
            }),
            compiler: compiler(),
        };
        let host = Runtime::open(parts, self.engine.clone(), self.settings.clone());
        Ok(self.run(host)?)
    }

    /// Returns a reader of the store of the host that was started last.
    ///
    /// # Panics
    /// If there is no host.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        reading
            .clone()
            .unwrap_or_else(|| panic!("there is no host"))
    }

    fn read_by(&self, reading: Option<Reading>) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }

    /// Runs the machine until the future is done.
    ///
    /// # Panics
    /// If nothing can happen any more and the future is not done.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let output = self.executor.run(future);
        output.unwrap_or_else(|| panic!("nothing can happen any more, and the test still waits"))
    }

    /// Waits until a run has ended.
    ///
    /// # Panics
    /// If the run does not end within a year.
    pub fn finish(&self, host: &Runtime, run: RunId) {
        let year = std::time::Duration::from_secs(365 * 24 * 3_600);
        let until = self.now().after(365 * 24 * 3_600_000);
        while self.now() < until {
            let run_status = self.run(host.wait_until(run, Until::Ended, year));
            let has_ended = |run_status: RunStatus| run_status.status.has_ended();
            if run_status.is_ok_and(|run_status| run_status.is_none_or(has_ended)) {
                return;
            }
            // A blocked run is tried again some time after the host was started.
            self.pass(1_000);
        }
        panic!("run {run} did not end within a year");
    }

    /// Lets this many milliseconds pass while the host runs.
    pub fn pass(&self, span: u64) {
        let seam = Seam(self.executor.clone());
        self.run(seam.sleep_until(seam.now().after(span).0));
    }

    /// Lets the host run up to this time. `idle` is called each time the host has nothing more to do at an instant, and
    /// returns whether to go on.
    ///
    /// # Panics
    /// If the host is never idle.
    pub fn watch(&self, until: Time, idle: impl FnMut() -> bool) {
        let watched = self.executor.watch(until, idle);
        watched.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Runs a task beside the host. A crash of the host ends it too.
    pub fn spawn(&self, task: Task) {
        Seam(self.executor.clone()).spawn(task);
    }

    /// Returns a future that is ready at this time.
    #[must_use]
    pub fn at(&self, time: Time) -> Task {
        Seam(self.executor.clone()).sleep_until(time.0)
    }

    /// Delays every commit by up to this many milliseconds.
    pub fn delay_commits(&self, seed: u64, most: u64) {
        let mut rng = SeededRng::new(seed);
        self.executor
            .delay_blocking_work(move || rng.below(most + 1));
    }

    /// Counts the pieces of blocking work that are begun from now on, those of the store's writer included.
    #[must_use]
    pub fn count_blocking_work(&self) -> Arc<AtomicU64> {
        let count = Arc::<AtomicU64>::default();
        let counted = count.clone();
        self.executor.delay_blocking_work(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            0
        });
        count
    }

    /// Changes the settings of the hosts that are started later.
    pub fn set(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
    }

    /// Makes a task of the host panic at a request to the machine: the one of this number from now on, from 0. With
    /// `None`, the requests are only counted.
    pub fn panic_at(&self, at: Option<u64>) {
        self.executor.panic_at(at);
    }

    /// Returns how many requests tasks have made to the machine since [`World::panic_at`], and how many tasks have
    /// panicked.
    #[must_use]
    pub fn panics(&self) -> (u64, u64) {
        self.executor.panics()
    }

    /// Runs an act in a task of its own, as each connection has one. Returns `None` if the task panics, or does not
    /// finish within this many milliseconds.
    pub fn within<T: Send + 'static>(
        &self,
        span: u64,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let done = Arc::new(Mutex::new(None));
        let slot = done.clone();
        self.spawn(Box::pin(async move {
            let output = work.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
        }));
        let until = self.now().after(span);
        let is_done = || {
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .is_some()
        };
        while self.now() < until && !is_done() {
            self.watch(self.now().after(1), || !is_done());
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Changes the machine's date by this many milliseconds, which may be negative, while the host runs.
    pub fn set_date(&self, by: i64) {
        self.executor.set_date(by);
    }

    /// Boots the machine again while the host is down.
    pub fn boot(&self) {
        self.executor.boot();
    }

    /// Returns the host's steady time, which no one can set.
    #[must_use]
    pub fn now(&self) -> Time {
        Seam(self.executor.clone()).now()
    }

    /// Returns the machine's date.
    #[must_use]
    pub fn date(&self) -> Time {
        Seam(self.executor.clone()).date()
    }

    /// Removes the remains of a host that did not start, as [`World::crash`] does.
    pub fn crash_without_host(&self, down: u64) {
        self.executor.clear();
        self.read_by(None);
        self.kept.lose_power();
        self.executor.pass(down);
    }

    /// Crashes the host, loses the writes that were not synced, and lets this many milliseconds pass before the next
    /// start.
    pub fn crash(&self, host: Runtime, down: u64) {
        // A store that is dropped would close itself properly.
        self.kept.cut_off();
        self.executor.clear();
        self.read_by(None);
        drop(host);
        self.crash_without_host(down);
    }

    /// Replaces a guest's component with that of another guest, without the host's knowledge.
    ///
    /// # Panics
    /// If the store cannot be changed.
    pub fn exchange_component(&self, host: Runtime, of: &str, with: &str) {
        self.executor.clear();
        self.read_by(None);
        drop(host);
        let version = VersionId::of(&guest(of));
        let component = guest(with);
        match self.store_kind {
            StoreKind::Memory => {
                let key = [Part::Digest(&version.0)];
                self.kept.memory.change(|rows| {
                    let written = rows.write(TableId::Components, &key, &component);
                    let removed = rows.remove(TableId::Code, &key, &mut |_| {});
                    written
                        .and(removed)
                        .unwrap_or_else(|error| panic!("{error}"));
                });
            }
            StoreKind::Disk => {
                let change = || -> Result<(), redb::Error> {
                    let disk = self.kept.disk.clone();
                    let database = redb::Database::builder().create_with_backend(disk)?;
                    let transaction = database.begin_write()?;
                    transaction
                        .open_table(table("components"))?
                        .insert(version.0, component.as_ref())?;
                    transaction.open_table(table("code"))?.remove(version.0)?;
                    Ok(transaction.commit()?)
                };
                change().unwrap_or_else(|error| panic!("{error}"));
            }
        }
    }

    /// Returns a component in the form in which the hosts of this machine run it.
    pub(crate) fn program(&self, component: &[u8]) -> Program {
        let (key, version) = ([0; 32], VersionId::of(component));
        let code = compiler().code(component);
        let code = code.unwrap_or_else(|error| panic!("{error}"));
        let sealed = seal(&key, self.engine.fingerprint(), version, None, &code);
        open(&self.engine, &key, version, &sealed, None).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns the limits that the hosts of this machine set for a run.
    pub(crate) fn limits(&self) -> Arc<Limits> {
        Arc::new(self.settings.limits.clone())
    }

    /// Returns the disk.
    #[must_use]
    pub fn disk(&self) -> &SimDisk {
        &self.kept.disk
    }

    /// Returns the memory that has the store, if the store is not on a disk.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.kept.memory
    }

    /// Returns how often the disk was synced, if the store is on a disk.
    #[must_use]
    pub fn disk_syncs(&self) -> Option<u64> {
        let syncs = self.kept.syncs() as u64;
        (self.store_kind == StoreKind::Disk).then_some(syncs)
    }

    /// Returns a digest of all operations on the disk, and of the content of memory.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.kept.digest()
    }

    /// Makes writes fail after this many operations of the disk, or after about as many in memory.
    pub fn fail_after(&self, operations: usize) {
        self.kept.fail_after(operations);
    }

    /// Makes the store full, or no longer full.
    pub fn fill(&self, full: bool) {
        self.kept.fill(full);
    }

    /// Makes a store in memory take time for commits, and finish those of different runs in another order.
    pub fn disorder(&self, seed: u64) {
        self.kept.disorder(seed);
    }

    /// Returns the network.
    #[must_use]
    pub fn egress(&self) -> &SimEgress {
        &self.egress
    }
}
