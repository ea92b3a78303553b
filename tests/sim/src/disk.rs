//! A disk that can lose power: what was not synced is gone. It keeps a log of all that was done to it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_store::seams::Disk;
use redb::StorageBackend;

/// What every redb file begins with, once it is whole.
const MAGIC: &[u8] = b"redb";

/// The disk. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What the host sees.
    current: Vec<u8>,
    /// What is left after power is lost.
    synced: Vec<u8>,
    log: Vec<Operation>,
    /// How many more operations succeed, if they are counted.
    left: Option<usize>,
    /// Whether there is no room left.
    full: bool,
}

impl State {
    /// Counts an operation; fails it if the power is gone.
    fn count(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

/// Something done to the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Its length was set.
    Length(u64),
    /// It was written to.
    Write(u64, Vec<u8>),
    /// It was synced.
    Sync,
}

impl SimDisk {
    /// Loses what was not synced, and has power again.
    pub fn lose_power(&self) {
        let mut state = self.lock();
        // The real disk makes a new store under another name, and gives it its own when it is whole. So one that was
        // not finished is not there.
        if !state.synced.starts_with(MAGIC) {
            state.synced.clear();
        }
        state.current = state.synced.clone();
        state.left = None;
    }

    /// Lets this many more operations succeed, and then none.
    pub fn fail_after(&self, operations: usize) {
        self.lock().left = Some(operations);
    }

    /// Says from now on that it is full, or that it is not.
    pub fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    /// Everything that was done to it.
    #[must_use]
    pub fn log(&self) -> Vec<Operation> {
        self.lock().log.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(Box::new(self.clone()))
    }

    fn available(&self) -> io::Result<u64> {
        Ok(if self.lock().full { 0 } else { u64::MAX })
    }
}

fn index(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl StorageBackend for SimDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.lock();
        let start = index(offset)?;
        let bytes = state.current.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.count()?;
        state.current.resize(index(len)?, 0);
        state.log.push(Operation::Length(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.lock();
        state.count()?;
        state.synced = state.current.clone();
        state.log.push(Operation::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        state.count()?;
        let start = index(offset)?;
        let place = state
            .current
            .get_mut(start..start + data.len())
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        state.log.push(Operation::Write(offset, data.to_vec()));
        Ok(())
    }
}
