//! `dormouse backup`, except the check that the fetched bytes are a store, which needs the store's code.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::client::Download;
use crate::connection::Connection;
use crate::error::CliError;
use crate::terminal::Terminal;
use crate::text::{counted, size};
use crate::time::now;

/// The number of bytes that are read and written at once.
const PIECE: usize = 256 << 10;

/// The time between two updates of the progress that is shown, in milliseconds.
const SHOW_EVERY: u64 = 200;

/// Makes a backup of a running host
///
/// The backup is the store as it was at one moment after the command was given: everything that the host acknowledged
/// before is in it. The host keeps working meanwhile. It makes the backup in its data directory, where there must be room for
/// it, before it sends it.
///
/// Keep the backup as safe as the host. It has inputs, outputs and requests, the keys of webhook tokens, and the sealed
/// secrets. The key that opens the secrets is not in it: keep that key too, in another place.
///
/// A host that is restored continues from the moment of the backup. Calls that were made after it are made again, with the
/// same Idempotency-Key. Requests that were accepted after it, and runs that were started, are lost. Two hosts must not
/// continue from one backup, nor may the old host go on: both would act for the same runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dormouse backup /backups/monday.redb
  dormouse backup - | gzip > monday.redb.gz

To restore it, into a new directory:
  mkdir -m 700 data
  cp /backups/monday.redb data/dormouse.redb
  dormouse serve --data-dir data

The old host must be stopped for good. The URLs of webhooks stay valid if the new host has the same
--public-url.")]
pub struct Backup {
    /// The file to write, or - for standard output
    file: PathBuf,

    /// Replaces the file if it exists
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    connection: Connection,
}

/// A backup that was fetched into a file beside its target. It is removed when this is dropped, unless it was kept.
pub struct FetchedBackup {
    part: Part,
    target: PathBuf,
    length: u64,
    json: bool,
}

/// The content of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupContent {
    /// The version of the format in which the backup is written.
    pub format: u8,
    /// The number of runs in the backup.
    pub runs: u64,
}

impl Backup {
    /// Fetches the backup into a file, which is still to be checked and kept. Returns `None` if it went to standard
    /// output instead, where it cannot be checked.
    ///
    /// # Errors
    /// If the host does not send all of a backup, or it cannot be written.
    pub fn fetch(&self, terminal: &mut Terminal) -> Result<Option<FetchedBackup>, CliError> {
        if self.file.as_os_str() == "-" {
            self.fetch_to_output(terminal)?;
            return Ok(None);
        }
        self.fetch_to_file(terminal).map(Some)
    }

    fn fetch_to_output(&self, terminal: &mut Terminal) -> Result<(), CliError> {
        if io::stdout().is_terminal() {
            let text = "a backup is not text: name a file, or redirect the output";
            return Err(CliError::Usage(text.into()));
        }
        let mut download = self.download(terminal)?;
        copy(&mut download, terminal, |piece, terminal| {
            terminal.write(piece)
        })?;
        terminal.clear_progress()?;
        Ok(())
    }

    fn fetch_to_file(&self, terminal: &mut Terminal) -> Result<FetchedBackup, CliError> {
        self.check_file()?;
        let mut download = self.download(terminal)?;
        let part = Part::new(&self.file)?;
        copy(&mut download, terminal, |piece, _| {
            part.named((&part.file).write_all(piece))
        })?;
        terminal.progress("checking it")?;
        part.named(part.file.sync_all())?;
        Ok(FetchedBackup {
            part,
            target: self.file.clone(),
            length: download.length,
            json: self.connection.json,
        })
    }

    /// Checks that the backup may be written to its file, before the host is put to work.
    fn check_file(&self) -> Result<(), CliError> {
        let file = self.file.display();
        match fs::symlink_metadata(&self.file) {
            Ok(found) if found.is_dir() => Err(CliError::Usage(format!(
                "{file} is a directory: name a file in it"
            ))),
            Ok(_) if !self.force => Err(CliError::Usage(format!(
                "{file} exists: name another file, or replace it with --force"
            ))),
            _ => Ok(()),
        }
    }

    fn download(&self, terminal: &mut Terminal) -> Result<Download, CliError> {
        let client = self.connection.open()?;
        terminal.progress("the host makes the backup")?;
        let download = client.download(&client.url(&["backup"]));
        terminal.clear_progress()?;
        download
    }
}

impl FetchedBackup {
    /// Returns the open file, to be read.
    ///
    /// # Errors
    /// If the process may open no more files.
    pub fn file(&self) -> Result<File, CliError> {
        Ok(self.part.named(self.part.file.try_clone())?)
    }

    /// Gives the file the name that was asked for, and prints what is in it.
    ///
    /// The content is on the disk before the file has its name. If the process dies in between, what is left is a file
    /// whose name ends in `.part`, which the next `dormouse backup` to the same file replaces.
    ///
    /// # Errors
    /// If the file cannot be renamed, or nothing can be printed.
    pub fn keep(self, content: BackupContent, terminal: &mut Terminal) -> Result<(), CliError> {
        self.part.rename(&self.target)?;
        let (bytes, BackupContent { format, runs }) = (self.length, content);
        if self.json {
            let made = serde_json::json!({"bytes": bytes, "format": format, "runs": runs});
            terminal.print(&made.to_string())?;
        } else {
            terminal.print(&format!(
                "{}: {}, {}",
                self.target.display(),
                size(bytes),
                counted(runs, "run")
            ))?;
        }
        Ok(())
    }
}

/// Copies all of a download, and shows how far it has come.
fn copy(
    download: &mut Download,
    terminal: &mut Terminal,
    mut write: impl FnMut(&[u8], &mut Terminal) -> io::Result<()>,
) -> Result<(), CliError> {
    let length = download.length;
    let started = now();
    let (mut received, mut shown) = (0, started);
    let mut piece = vec![0; PIECE];
    let broken_off = |received, reason: String| CliError::BrokenOff {
        received: size(received),
        length: size(length),
        reason,
    };
    loop {
        let count = match download.body.read(&mut piece) {
            Ok(0) if received == length => return Ok(()),
            Ok(0) => return Err(broken_off(received, "the connection ended".into())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken_off(received, error.to_string())),
        };
        write(piece.get(..count).unwrap_or_default(), terminal)?;
        received += count as u64;
        let time = now();
        if time.0.saturating_sub(shown.0) >= SHOW_EVERY {
            shown = time;
            let passed = time.0.saturating_sub(started.0);
            terminal.progress(&progress(received, length, passed))?;
        }
    }
}

/// Formats the received part of a length, and the rate of the download, which has taken this many milliseconds.
fn progress(received: u64, length: u64, milliseconds: u64) -> String {
    let rate = u128::from(received) * 1_000 / u128::from(milliseconds.max(1));
    let rate = size(u64::try_from(rate).unwrap_or(u64::MAX));
    format!("{} of {}, {rate}/s", size(received), size(length))
}

/// A file that is being written, under a name that says so. It is removed when this is dropped, unless it was renamed.
struct Part {
    file: File,
    path: PathBuf,
}

impl Part {
    fn new(target: &Path) -> Result<Self, CliError> {
        let mut name = OsString::from(target);
        name.push(".part");
        let path = PathBuf::from(name);
        // A command that was killed leaves its file behind. A new file cannot have another owner or another mode.
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        let file = removed.and_then(|()| {
            let mut options = OpenOptions::new();
            let options = options.read(true).write(true).create_new(true).mode(0o600);
            options.open(&path)
        });
        match file {
            Ok(file) => Ok(Part { file, path }),
            Err(error) => Err(named(&path, &error).into()),
        }
    }

    /// Renames the file, and makes its new name durable.
    fn rename(&self, target: &Path) -> Result<(), CliError> {
        self.named(fs::rename(&self.path, target))?;
        let folder = match target.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| named(folder, &error))?;
        Ok(())
    }

    fn named<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| named(&self.path, &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // If the file was renamed, no file has this name any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Returns the same error with the file's name in its text.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_much_and_how_fast() {
        let check = |received, length, milliseconds, expected: &str| {
            assert_eq!(progress(received, length, milliseconds), expected);
        };
        check(1 << 20, 1 << 30, 500, "1.0 MiB of 1.0 GiB, 2.0 MiB/s");
        check(0, 1024, 0, "0 bytes of 1.0 KiB, 0 bytes/s");
    }

    fn download(bytes: &'static [u8], length: u64) -> Download {
        Download {
            length,
            body: Box::new(bytes),
        }
    }

    #[test]
    fn a_truncated_answer_is_not_a_backup() {
        let copied = |length| {
            let mut copied = Vec::new();
            let mut terminal = Terminal::standard();
            copy(&mut download(b"abc", length), &mut terminal, |piece, _| {
                copied.extend_from_slice(piece);
                Ok(())
            })
            .map(|()| copied)
        };
        assert_eq!(copied(3).unwrap(), b"abc");
        let error = copied(1024).unwrap_err().to_string();
        assert!(error.contains("after 3 bytes of 1.0 KiB"), "{error}");
    }

    fn fetched(target: &Path) -> FetchedBackup {
        let part = Part::new(target).unwrap();
        (&part.file).write_all(b"backup").unwrap();
        FetchedBackup {
            part,
            target: target.to_owned(),
            length: 6,
            json: false,
        }
    }

    #[test]
    fn a_backup_that_is_not_kept_leaves_no_file() {
        let folder = tempfile::tempdir().unwrap();
        drop(fetched(&folder.path().join("b")));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_kept_backup_replaces_the_existing_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("b");
        fs::write(&target, "older").unwrap();
        let content = BackupContent { format: 1, runs: 0 };
        let mut terminal = Terminal::standard();
        fetched(&target).keep(content, &mut terminal).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "backup");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
