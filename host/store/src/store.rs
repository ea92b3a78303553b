//! Opening the store, and the two ways into it.

use std::sync::Arc;

use dormouse_journal::{FORMAT, Time, decode, encode};
use redb::{Database, ReadableDatabase, ReadableTable};

use crate::group::{Foretold, Transaction, Write};
use crate::handle::Handle;
use crate::seams::{Backend, Clock, Disk, Entropy, Spawner};
use crate::tables::{TokenKeys, meta};
use crate::writer::{Commits, Writer};
use crate::{HostClock, OpenError, ReadError, Snapshot, WriteError};

/// The store.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
    writer: Arc<Writer>,
    clock: HostClock,
    keys: Arc<Keys>,
}

/// How a store is kept.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How many bytes of it are kept in memory.
    pub cache: usize,
    /// How many must be left on the disk for a write to be tried.
    pub reserve: u64,
    /// Whether all of it is verified when it is opened, at the cost of reading it once. Otherwise it is opened at once,
    /// whatever its size and however the host ended: each commit then takes the longer to keep it ready for that, and
    /// damage goes unseen.
    pub verify: bool,
}

impl Options {
    /// Whether commits keep the store ready to be opened at once. What is verified at each start is read as a whole then,
    /// and need not be kept ready for less.
    pub(crate) fn quick_repair(self) -> bool {
        !self.verify
    }
}

struct Touch;

impl Transaction for Touch {
    type Output = ();

    fn apply(&self, _: &mut Write<'_>) -> Result<(), ReadError> {
        Ok(())
    }
}

/// Room for the pages on the way from a root to a leaf.
const VERIFYING_CACHE: usize = 1 << 20;

struct Keys {
    tokens: TokenKeys,
    code: [u8; 32],
}

impl Store {
    /// Opens the store, and makes it if it does not exist.
    ///
    /// # Errors
    /// When another host has it open, a newer version wrote it, or it is damaged.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        spawner: Arc<dyn Spawner>,
        options: Options,
    ) -> Result<Self, OpenError> {
        if options.verify {
            verify(&*disk)?;
        }
        let database = builder(options.cache)
            .create_with_backend(Backend(disk.open()?))
            .map_err(classify_open)?;
        let floor = prepare(&database, clock.now(), entropy, options)?;
        let keys = read_keys(&database)?;
        let clock = HostClock::new(clock, floor);
        let handle = Arc::new(Handle::new(database, disk, options));
        let writer = Writer::new(handle.clone(), clock.clone(), spawner, options.reserve);
        Ok(Store {
            handle,
            writer,
            clock,
            keys: Arc::new(keys),
        })
    }

    /// The host's clock, which this store keeps from going back.
    #[must_use]
    pub fn clock(&self) -> &HostClock {
        &self.clock
    }

    /// The keys of webhook tokens.
    #[must_use]
    pub fn token_keys(&self) -> &TokenKeys {
        &self.keys.tokens
    }

    /// The key that seals compiled code.
    #[must_use]
    pub fn code_key(&self) -> [u8; 32] {
        self.keys.code
    }

    /// What is durable right now, to be read.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn read(&self) -> Result<Snapshot, ReadError> {
        Ok(Snapshot::new(self.handle.database().begin_read()?))
    }

    /// Why nothing can be written any more, if so.
    #[must_use]
    pub fn failure(&self) -> Option<WriteError> {
        self.writer.failure()
    }

    /// Whether writes are refused for want of space.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    /// What was made durable since the store was opened.
    #[must_use]
    pub fn commits(&self) -> Commits {
        self.writer.commits()
    }

    /// Writes nothing but the time: to find out whether a disk that was full takes writes again, and as a barrier. All
    /// that was in the queue before is durable, or has failed, when this resolves.
    ///
    /// # Errors
    /// When it does not.
    pub async fn touch(&self) -> Result<(), WriteError> {
        self.write(Touch).await
    }

    pub(crate) fn writer(&self) -> &Writer {
        &self.writer
    }

    /// Writes something, which is in the queue when this returns. Resolves when it is durable.
    pub(crate) fn write<T: Transaction>(
        &self,
        transaction: T,
    ) -> impl Future<Output = Result<T::Output, WriteError>> + Send + use<T> {
        self.writer.write(transaction, None)
    }

    /// The same, and tells what comes of it as soon as that is known, which is before it is durable.
    pub(crate) fn foretell<T: Transaction>(
        &self,
        transaction: T,
        foretold: Foretold<T::Output>,
    ) -> impl Future<Output = Result<T::Output, WriteError>> + Send + use<T> {
        self.writer.write(transaction, Some(foretold))
    }
}

/// Verifies the checksum of every page, and repairs what a crash left behind: redb believes what it reads later, and a bit
/// that flipped in a value would be served as if it were the truth.
///
/// The file is opened once for this alone. All of it passes through the cache, which is faster the smaller that is, and
/// would be left full of what nobody asked for. What is closed well is then opened at once.
fn verify(disk: &dyn Disk) -> Result<(), OpenError> {
    let database = builder(VERIFYING_CACHE)
        .set_check_integrity_on_open(true)
        .create_with_backend(Backend(disk.open()?))
        .map_err(classify_open)?;
    database.close().map_err(storage)
}

pub(crate) fn builder(cache: usize) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(cache);
    builder
}

/// Checks the format, makes what a new store needs, and gives the highest time that was ever read.
fn prepare(
    database: &Database,
    now: Time,
    entropy: &dyn Entropy,
    options: Options,
) -> Result<Time, OpenError> {
    let mut transaction = database.begin_write().map_err(storage)?;
    transaction.set_quick_repair(options.quick_repair());
    let floor = {
        let mut table = transaction.open_table(meta::TABLE).map_err(storage)?;
        let found = table
            .get(meta::FORMAT)
            .map_err(storage)?
            .map(|guard| guard.value().to_vec());
        match found.as_deref() {
            None => {
                table
                    .insert(meta::FORMAT, [FORMAT].as_slice())
                    .map_err(storage)?;
                let tokens = TokenKeys {
                    keys: vec![(1, random(entropy))],
                };
                table
                    .insert(meta::TOKEN_KEYS, encode(&tokens).as_slice())
                    .map_err(storage)?;
                table
                    .insert(meta::CODE_KEY, encode(&random::<32>(entropy)).as_slice())
                    .map_err(storage)?;
                table
                    .insert(meta::CLOCK, encode(&now).as_slice())
                    .map_err(storage)?;
            }
            Some(found) => check_format(found)?,
        }
        let clock = table.get(meta::CLOCK).map_err(storage)?;
        match clock {
            Some(guard) => {
                decode(guard.value()).map_err(|error| OpenError::Damaged(error.to_string()))?
            }
            None => return Err(OpenError::Damaged("its clock is missing".into())),
        }
    };
    drop(Write::begin(&transaction, now).map_err(|error| OpenError::Damaged(error.to_string()))?);
    transaction.commit().map_err(storage)?;
    Ok(floor)
}

/// Whether a store of this format can be read.
pub(crate) fn check_format(found: &[u8]) -> Result<(), OpenError> {
    match found {
        [FORMAT] => Ok(()),
        [found] if *found > FORMAT => Err(OpenError::Newer {
            found: *found,
            known: FORMAT,
        }),
        other => Err(OpenError::Damaged(format!("its format is {other:?}"))),
    }
}

fn read_keys(database: &Database) -> Result<Keys, OpenError> {
    let transaction = database.begin_read().map_err(storage)?;
    let table = transaction.open_table(meta::TABLE).map_err(storage)?;
    let value = |name: &str| -> Result<Vec<u8>, OpenError> {
        let guard = table.get(name).map_err(storage)?;
        guard
            .map(|guard| guard.value().to_vec())
            .ok_or_else(|| OpenError::Damaged(format!("its {name} are missing")))
    };
    let damaged = |error: dormouse_journal::DecodeError| OpenError::Damaged(error.to_string());
    Ok(Keys {
        tokens: decode(&value(meta::TOKEN_KEYS)?).map_err(damaged)?,
        code: decode(&value(meta::CODE_KEY)?).map_err(damaged)?,
    })
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

pub(crate) fn storage(error: impl Into<redb::Error>) -> OpenError {
    OpenError::Storage(error.into())
}

pub(crate) fn classify_open(error: redb::DatabaseError) -> OpenError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => OpenError::InUse,
        redb::DatabaseError::UpgradeRequired(found) => OpenError::Damaged(format!(
            "its file format {found} is older than any Dormouse wrote"
        )),
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(what)) => {
            OpenError::Damaged(what)
        }
        redb::DatabaseError::Storage(redb::StorageError::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Damaged(error.to_string())
        }
        error => storage(error),
    }
}
