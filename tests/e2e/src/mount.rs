//! A small file system for one test, which can be full or read-only. Only root can mount one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system in memory, which is unmounted when this is dropped.
#[derive(Debug)]
pub struct Mount(PathBuf);

impl Mount {
    /// Makes a directory, and mounts a file system of this many MiB on it. If that is not allowed, prints the reason
    /// and returns `None`.
    ///
    /// # Panics
    /// If the directory cannot be made.
    #[must_use]
    pub fn new(directory: &Path, mebibytes: u32) -> Option<Self> {
        fs::create_dir_all(directory).unwrap();
        let size = format!("size={mebibytes}m,mode=700");
        let mounted = mount(&["-t", "tmpfs", "-o", &size, "tmpfs"], directory);
        match mounted {
            Ok(()) => Some(Mount(directory.to_owned())),
            Err(said) => {
                eprintln!("NOT TESTED, since nothing can be mounted here: {said}");
                None
            }
        }
    }

    /// Makes the file system read-only, or writable again.
    ///
    /// # Panics
    /// If a process has a file open for writing.
    pub fn set_read_only(&self, is_read_only: bool) {
        let option = if is_read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        mount(&["-o", option], &self.0).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // It is unmounted lazily, since a host may still have files open there after a failed test.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], directory: &Path) -> Result<(), String> {
    let mut command = Command::new("mount");
    let output = command.args(arguments).arg(directory).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
