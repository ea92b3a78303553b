//! A small disk for the data directory. Only root may have one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow, bail};
use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Where the content of the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ext4 in a sparse file, on a loop device: a usual disk.
    Loop,
    /// tmpfs, whose content counts as memory of the host's cgroup.
    Memory,
}

/// A separate file system, which is unmounted when this is dropped.
#[derive(Debug)]
pub(crate) struct Disk {
    mounted_on: PathBuf,
    kind: Kind,
    mebibytes: u64,
}

impl Disk {
    /// The size of a disk on a loop device, in MiB. Its file is sparse, so it takes only the room of the
    /// host's data.
    const LOOP: u64 = 2048;

    /// The size of a disk in memory, in MiB.
    const MEMORY: u64 = 512;

    /// Makes a directory, and mounts a small disk on it. The image of the disk is in `folder`.
    pub(crate) fn mount(directory: &Path, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(directory)?;
        match mount_loop(directory, folder) {
            Ok(()) => {
                let disk = Disk::new(directory, Kind::Loop, Self::LOOP);
                // A data directory has only the host's files, and other users have no access to it.
                fs::remove_dir(directory.join("lost+found"))?;
                run(Command::new("chmod").arg("700").arg(directory))?;
                Ok(disk)
            }
            Err(no_loop) => {
                let options = format!("size={}m,mode=700", Self::MEMORY);
                let mut command = Command::new("mount");
                command.args(["-t", "tmpfs", "-o", &options, "tmpfs"]);
                run(command.arg(directory))
                    .map_err(|no_memory| anyhow!("{no_loop:#}; {no_memory:#}"))?;
                Ok(Disk::new(directory, Kind::Memory, Self::MEMORY))
            }
        }
    }

    fn new(directory: &Path, kind: Kind, mebibytes: u64) -> Self {
        Disk {
            mounted_on: directory.to_owned(),
            kind,
            mebibytes,
        }
    }

    /// Returns a description for people.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.kind {
            Kind::Loop => "ext4 on a loop device",
            Kind::Memory => "tmpfs",
        };
        format!("{} MiB of {kind}", self.mebibytes)
    }

    /// Returns how much of the cgroup's memory the content of the disk may take, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        match self.kind {
            Kind::Loop => 0,
            Kind::Memory => self.mebibytes << 20,
        }
    }

    /// Fills all room that is left on the disk, as another program might.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let file = File::create(self.filler()).context("cannot make a file on the small disk")?;
        let mut offset = 0;
        // The free room may not be available in one piece, since the host keeps writing.
        let mut piece = 1 << 30;
        while piece >= 4 << 10 {
            let stat = statvfs(&self.mounted_on)?;
            let size = (stat.f_bfree * stat.f_frsize).min(piece);
            if size > 0 && fallocate(&file, FallocateFlags::empty(), offset, size).is_ok() {
                offset += size;
            } else {
                piece /= 2;
            }
        }
        Ok(())
    }

    /// Frees the room again.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        fs::remove_file(self.filler()).context("cannot remove the file on the small disk")
    }

    fn filler(&self) -> PathBuf {
        self.mounted_on.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The file system is unmounted at once if no process uses it, and otherwise as soon as that is
        // so.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(&self.mounted_on)
            .status();
    }
}

fn mount_loop(directory: &Path, folder: &Path) -> anyhow::Result<()> {
    let image = folder.join("disk.img");
    File::create_new(&image)?.set_len(Disk::LOOP << 20)?;
    let mut format = Command::new("mkfs.ext4");
    run(format.args(["-q", "-F", "-m", "0"]).arg(&image))?;
    let mut mount = Command::new("mount");
    run(mount.args(["-o", "loop"]).arg(&image).arg(directory))
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed: {}", said.trim());
    }
    Ok(())
}
