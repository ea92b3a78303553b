//! Reads the store's file ahead of its verification.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The number of threads that read ahead. One thread cannot use the whole speed of a fast disk.
const READERS: u64 = 4;

/// The number of bytes that each of them reads at a time.
const CHUNK: usize = 1 << 20;

/// Reads the file in the background, to speed up its verification: that goes from page to page in the order of keys,
/// waits for the disk at each page, and gets a tenth of the disk's speed. The pages that were read stay in memory
/// that the operating system does not need otherwise.
///
/// # Errors
/// When there is no thread left for it.
pub fn read_ahead(path: &Path) -> io::Result<()> {
    for first in 0..READERS {
        let path = path.to_owned();
        std::thread::Builder::new()
            .name("read-ahead".into())
            .spawn(move || {
                // The verification meets the same error and reports it. A new host has no file.
                let _ = File::open(path).and_then(|file| read_every(&file, first));
            })?;
    }
    Ok(())
}

/// Reads every chunk whose number is `first` plus a multiple of [`READERS`], up to the end of the file.
fn read_every(file: &impl FileExt, first: u64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut offset = first * CHUNK as u64;
    while file.read_at(&mut chunk, offset)? > 0 {
        offset += READERS * CHUNK as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// A file that records which parts of it are read.
    struct Recorded {
        size: u64,
        read: RefCell<Vec<(u64, u64)>>,
    }

    impl FileExt for Recorded {
        fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
            let end = (offset + buf.len() as u64).min(self.size);
            if offset >= end {
                return Ok(0);
            }
            self.read.borrow_mut().push((offset, end));
            usize::try_from(end - offset).map_err(io::Error::other)
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            panic!("the store was written to");
        }
    }

    #[test]
    fn all_readers_together_read_each_byte_once() {
        let chunk = CHUNK as u64;
        for size in [0, 1, chunk, READERS * chunk, (3 * READERS + 2) * chunk + 5] {
            let file = Recorded {
                size,
                read: RefCell::default(),
            };
            for first in 0..READERS {
                read_every(&file, first).unwrap();
            }
            let mut read = file.read.into_inner();
            read.sort_unstable();
            let mut end = 0;
            for part in read {
                assert_eq!(part.0, end, "of {size}");
                end = part.1;
            }
            assert_eq!(end, size);
        }
    }

    #[test]
    fn reading_ahead_ignores_a_missing_store() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        read_ahead(&path).unwrap();
        assert!(!path.exists(), "it was made");
    }
}
