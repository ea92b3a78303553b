//! A disk that can lose power. Writes that were not synced are lost then or, if the disk tears, any part of them is.
//! The disk keeps a log of all operations.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dormouse_store_redb::Disk;
use redb::StorageBackend;

use crate::SeededRng;

/// The beginning of every complete redb file.
const MAGIC: &[u8] = b"redb";

/// The number of bytes that a disk writes completely or not at all.
const SECTOR: usize = 512;

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The content that the host sees.
    current: Vec<u8>,
    /// The content after a loss of power.
    synced: Vec<u8>,
    log: Vec<Operation>,
    /// The length of the part of the log that was synced.
    safe: usize,
    /// Decides which part of the rest survives a loss of power. `None` means no part.
    tearing: Option<SeededRng>,
    /// The number of operations that still succeed, if they are counted.
    left: Option<usize>,
    /// True if there is no room left.
    full: bool,
}

impl State {
    /// Counts an operation. Returns an error if the power has failed.
    fn count(&mut self) -> io::Result<()> {
        match &mut self.left {
            None => Ok(()),
            Some(0) => Err(io::Error::other(
                "the power of the simulated machine has failed",
            )),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    /// Keeps, drops or cuts each write that was not synced, independently of the other writes.
    fn tear(&mut self) {
        let Some(rng) = &mut self.tearing else {
            return;
        };
        for operation in &self.log[self.safe..] {
            match operation {
                Operation::Length(length) => {
                    let length = usize::try_from(*length).unwrap_or(usize::MAX);
                    if rng.percent(50) {
                        self.synced.resize(length, 0);
                    }
                }
                Operation::Write(offset, data) => {
                    let kept = match rng.below(3) {
                        0 => 0,
                        1 => data.len(),
                        _ => SECTOR * rng.index(data.len() / SECTOR + 1),
                    };
                    let start = usize::try_from(*offset).unwrap_or(usize::MAX);
                    if self.synced.len() < start + kept {
                        self.synced.resize(start + kept, 0);
                    }
                    self.synced[start..start + kept].copy_from_slice(&data[..kept]);
                }
                Operation::Sync => {}
            }
        }
    }
}

/// An operation on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Operation {
    /// The length of the file was set.
    Length(u64),
    /// Bytes were written at an offset.
    Write(u64, Vec<u8>),
    /// The file was synced.
    Sync,
}

impl SimDisk {
    /// Loses the writes that were not synced, and restores the power.
    pub fn lose_power(&self) {
        let state = &mut *self.lock();
        // On a real disk, a new store has another name until it is complete. So a store that is not complete does not
        // exist under its own name.
        if state.synced.starts_with(MAGIC) {
            state.tear();
        } else {
            state.synced.clear();
        }
        state.safe = state.log.len();
        state.current = state.synced.clone();
        state.left = None;
    }

    /// Lets this many operations succeed, and makes all later ones fail.
    pub fn fail_after(&self, operations: usize) {
        self.lock().left = Some(operations);
    }

    /// Makes the next losses of power keep a random part of the writes that were not synced.
    pub fn tear(&self, rng: SeededRng) {
        self.lock().tearing = Some(rng);
    }

    /// Makes the disk full, or no longer full.
    pub fn fill(&self, full: bool) {
        self.lock().full = full;
    }

    /// Returns all operations on the disk.
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
        state.safe = state.log.len();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the content after a loss of power: four sectors had zeros, and ones were written over them but not
    /// synced.
    fn left(tearing: Option<u64>) -> Vec<u8> {
        let disk = SimDisk::default();
        disk.set_len(4 * SECTOR as u64).unwrap();
        disk.write(0, MAGIC).unwrap();
        disk.sync_data().unwrap();
        if let Some(seed) = tearing {
            disk.tear(SeededRng::new(seed));
        }
        disk.write(SECTOR as u64, &[1; 3 * SECTOR]).unwrap();
        disk.lose_power();
        let mut bytes = vec![0; 3 * SECTOR];
        disk.read(SECTOR as u64, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn unsynced_writes_are_lost_with_the_power() {
        assert_eq!(left(None), [0; 3 * SECTOR]);
    }

    #[test]
    fn a_write_that_tears_is_there_up_to_the_end_of_a_sector() {
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let bytes = left(Some(seed));
            let kept = bytes.iter().take_while(|byte| **byte == 1).count();
            assert!(bytes[kept..].iter().all(|byte| *byte == 0));
            lengths.insert(kept);
        }
        assert!(lengths.into_iter().eq([0, SECTOR, 2 * SECTOR, 3 * SECTOR]));
    }
}
