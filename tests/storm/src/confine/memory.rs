//! A cgroup that bounds the host's memory. Only root may make one, and only where cgroups may be written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::time::pause;

/// A cgroup of its own, which is removed when this is dropped. Its processes must have ended by then.
#[derive(Debug)]
pub(crate) struct MemoryGroup {
    folder: PathBuf,
}

impl MemoryGroup {
    /// Makes a cgroup below that of this process, with this many bytes of memory.
    pub(crate) fn new(bytes: u64) -> anyhow::Result<Self> {
        let mine = fs::read_to_string("/proc/self/cgroup")?;
        let (parent, file) =
            place(&mine).ok_or_else(|| anyhow!("there is no controller of memory"))?;
        let folder = parent.join(format!("dormouse-storm-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let group = MemoryGroup { folder };
        let limit = group.folder.join(file);
        fs::write(&limit, bytes.to_string())
            .with_context(|| format!("cannot write {}", limit.display()))?;
        Ok(group)
    }

    /// Returns the file to which a process writes its id to join the cgroup.
    pub(crate) fn processes(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }

    /// Returns how often the system has killed a process of the cgroup for lack of memory, if the system tells.
    pub(crate) fn kills(&self) -> Option<u64> {
        let files = ["memory.oom_control", "memory.events"];
        let mut texts = files
            .iter()
            .filter_map(|file| fs::read_to_string(self.folder.join(file)).ok());
        let text = texts.next()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?;
        line.trim().parse().ok()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // The compilers of a killed host end a moment after it.
        for _ in 0..100 {
            match fs::remove_dir(&self.folder) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                    pause(Duration::from_millis(50));
                }
                _ => return,
            }
        }
    }
}

/// Returns the folder of this process's cgroup, and the name of the file with the limit. `mine` is the content
/// of `/proc/self/cgroup`.
fn place(mine: &str) -> Option<(PathBuf, &'static str)> {
    let fields = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1).map(str::to_owned);
        Some((fields.next()?, fields.next()?))
    };
    let groups: Vec<_> = mine.lines().filter_map(fields).collect();
    let below = |root: &str, path: &str| Path::new(root).join(path.trim_start_matches('/'));
    let first = groups
        .iter()
        .find(|(list, _)| list.split(',').any(|name| name == "memory"));
    if let Some((_, path)) = first {
        return Some((
            below("/sys/fs/cgroup/memory", path),
            "memory.limit_in_bytes",
        ));
    }
    let (_, path) = groups.iter().find(|(list, _)| list.is_empty())?;
    Some((below("/sys/fs/cgroup", path), "memory.max"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_controller_of_version_1_comes_first() {
        let both = "4:memory:/x\n0::/\n";
        let expected = ("/sys/fs/cgroup/memory/x".into(), "memory.limit_in_bytes");
        assert_eq!(place(both), Some(expected));
        let second = ("/sys/fs/cgroup/a".into(), "memory.max");
        assert_eq!(place("0::/a\n"), Some(second));
        assert_eq!(place(""), None);
    }
}
