//! Checks that files and folders can be opened only by their owner.

use std::cell::RefCell;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The bits of a mode for the users of the group and for all others.
const GROUP: u32 = 0o070;
const GROUP_WRITES: u32 = 0o020;
const OTHERS: u32 = 0o007;

/// A file or a folder that users other than the host's can read or write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsafePermissions {
    what: &'static str,
    path: PathBuf,
    mode: u32,
    is_folder: bool,
    /// The user that owns it, if that is another one.
    owner: Option<u32>,
}

impl UnsafePermissions {
    /// Checks the permissions of a file or folder. Returns none if only the host's user and root can read or write it.
    ///
    /// A file of root's that its group can read is accepted, unless the host is root: service managers pass credentials
    /// to one user in this way.
    #[must_use]
    pub fn check(what: &'static str, path: &Path, metadata: &Metadata) -> Option<Self> {
        let user = rustix::process::geteuid().as_raw();
        Self::check_for(user, what, path, metadata)
    }

    fn check_for(user: u32, what: &'static str, path: &Path, metadata: &Metadata) -> Option<Self> {
        let owner = metadata.uid();
        let mode = metadata.mode() & 0o7777;
        let is_handed_over = owner == 0 && user != 0 && !metadata.is_dir();
        let forbidden = if is_handed_over {
            OTHERS | GROUP_WRITES
        } else {
            OTHERS | GROUP
        };
        // Root can read everything anyway, and need not own the files that it is given.
        let is_foreign = user != 0 && owner != 0 && owner != user;
        (mode & forbidden != 0 || is_foreign).then(|| UnsafePermissions {
            what,
            path: path.to_owned(),
            mode,
            is_folder: metadata.is_dir(),
            owner: is_foreign.then_some(owner),
        })
    }
}

impl fmt::Display for UnsafePermissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnsafePermissions {
            what, path, mode, ..
        } = self;
        write!(
            f,
            "{what} {path:?} is open to other users by its permissions ({mode:04o}"
        )?;
        let path = path.display();
        match self.owner {
            Some(owner) => write!(
                f,
                ", owned by user {owner}): give it to the user of the host with `chown`"
            )?,
            None if self.is_folder => write!(f, "): run `chmod 700 {path}`")?,
            None => write!(f, "): run `chmod 600 {path}`")?,
        }
        write!(f, "; the setting `allow-open-files` allows it")
    }
}

/// Reads files that must be private.
pub(super) struct PrivateFiles {
    /// True if files that others can open are noted instead of refused.
    pub(super) is_open_allowed: bool,
    /// The files that were read although others can open them.
    pub(super) open: RefCell<Vec<UnsafePermissions>>,
}

/// Why a file that must be private was not read.
#[derive(Debug)]
pub(super) enum FileError {
    Open(UnsafePermissions),
    Io(io::Error),
}

impl PrivateFiles {
    /// Reads a whole file, if it is private.
    pub(super) fn read(&self, what: &'static str, path: &Path) -> Result<String, FileError> {
        let mut file = File::open(path).map_err(FileError::Io)?;
        let metadata = file.metadata().map_err(FileError::Io)?;
        if let Some(open) = UnsafePermissions::check(what, path, &metadata) {
            if !self.is_open_allowed {
                return Err(FileError::Open(open));
            }
            self.open.borrow_mut().push(open);
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(FileError::Io)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// Returns the message for a file with these permissions, or for the folder that it is in.
    fn finding(mode: u32, is_folder: bool) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "").unwrap();
        let path = if is_folder { folder.path() } else { &file };
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let metadata = std::fs::metadata(path).unwrap();
        let open = UnsafePermissions::check_for(metadata.uid(), "the file", path, &metadata);
        open.map(|open| open.to_string().replace(path.to_str().unwrap(), "PATH"))
    }

    #[test]
    fn only_what_is_the_owners_alone_is_private() {
        for mode in [0o600, 0o400, 0o700] {
            assert_eq!(finding(mode, false), None, "{mode:o}");
        }
        for mode in [0o644, 0o640, 0o660, 0o602, 0o604, 0o601] {
            assert!(finding(mode, false).is_some(), "{mode:o}");
        }
        assert_eq!(finding(0o700, true), None);
        for mode in [0o755, 0o750, 0o770, 0o707, 0o701] {
            assert!(finding(mode, true).is_some(), "{mode:o}");
        }
    }

    #[test]
    fn open_files_are_reported_with_the_chmod_that_closes_them() {
        assert_eq!(
            finding(0o644, false).unwrap(),
            "the file \"PATH\" is open to other users by its permissions (0644): run `chmod 600 PATH`; the setting \
             `allow-open-files` allows it"
        );
        assert!(finding(0o755, true).unwrap().contains("chmod 700 PATH"));
    }

    #[test]
    fn a_file_of_another_user_is_open_to_that_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let metadata = file.as_file().metadata().unwrap();
        let (owner, path) = (metadata.uid(), file.path());
        let finding = |user| UnsafePermissions::check_for(user, "the file", path, &metadata);
        assert_eq!(finding(owner), None);
        // Root may give its files to anybody, and root reads the files that it is given.
        assert_eq!(finding(owner + 1).is_some(), owner != 0);
        assert_eq!(finding(0), None);
    }
}
