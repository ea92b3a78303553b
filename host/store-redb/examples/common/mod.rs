//! The base of measurements of the store: a file, a clock, ids and random numbers.

use std::fs::OpenOptions;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use dormouse_journal::{RunId, Time};
use dormouse_seams::{Clock, Entropy, Spawner, Task};
use dormouse_store::Store;
use dormouse_store_redb::{Disk, Options, RedbStore, StorageBackend};
use redb::backends::FileBackend;

pub(crate) fn open(file: &str, cache: usize) -> Arc<dyn Store> {
    let before = Instant::now();
    let store = pollster::block_on(RedbStore::open(
        Arc::new(File(file.into())),
        Arc::new(Machine),
        &Random,
        Arc::new(Threads::new()),
        Options {
            cache: cache << 20,
            reserve: 0,
            verify: !std::env::args().any(|argument| argument == "unverified"),
        },
    ))
    .unwrap();
    println!("opened in {:?}", before.elapsed());
    store.store()
}

pub(crate) fn memory() {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for line in status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
    {
        println!("{line}");
    }
}

pub(crate) struct Machine;

impl Clock for Machine {
    fn date(&self) -> Time {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap();
        Time(u64::try_from(now.as_millis()).unwrap())
    }

    fn elapsed(&self) -> u64 {
        self.date().0
    }

    fn boot(&self) -> Option<[u8; 16]> {
        None
    }

    fn sleep_until(&self, _: u64) -> Task {
        Box::pin(std::future::pending())
    }

    fn thread_time(&self) -> Duration {
        Duration::ZERO
    }
}

/// Returns random-looking numbers from a counter (SplitMix64), so that a measurement can be repeated.
pub(crate) struct Random;

static STATE: AtomicU64 = AtomicU64::new(0);

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = STATE.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Returns an id that is greater than all earlier ones, as the host does.
pub(crate) fn new_id() -> RunId {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let next = LAST.load(Ordering::Relaxed).max(Machine.date().0 << 12) + 1;
    LAST.store(next, Ordering::Relaxed);
    let mut random = [0; 10];
    Random.fill(&mut random[2..]);
    random[..2].copy_from_slice(&(next % (1 << 12)).to_be_bytes()[6..]);
    RunId::new(Time(next >> 12), random)
}

/// A spawner with one thread for all blocking work.
struct Threads(std::sync::mpsc::Sender<Task>);

impl Threads {
    fn new() -> Self {
        let (sender, tasks) = std::sync::mpsc::channel::<Task>();
        std::thread::spawn(move || tasks.into_iter().for_each(pollster::block_on));
        Threads(sender)
    }
}

impl Spawner for Threads {
    fn spawn(&self, task: Task) {
        pollster::block_on(task);
    }

    fn spawn_blocking(&self, task: Task) {
        self.0.send(task).unwrap();
    }
}

struct File(std::path::PathBuf);

impl Disk for File {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&self.0)?;
        Ok(Box::new(FileBackend::new(file).map_err(io::Error::other)?))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
