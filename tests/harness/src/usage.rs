//! The resource usage of a process, as Linux counts it under `/proc`.

use std::fs;
use std::io;
use std::time::Duration;

/// The kernel's unit of processor time in `/proc`. It is 1/100 s on every architecture that the host runs on.
const TICK: Duration = Duration::from_millis(10);

/// The fields of `/proc/PID/stat` that have the processor time of the process and of its children that have ended.
/// The first field is 1.
const OWN: [usize; 2] = [14, 15];
const CHILDREN: [usize; 2] = [16, 17];

/// The resource usage of a process.
#[derive(Debug, Clone)]
pub struct ProcessUsage {
    folder: String,
}

impl ProcessUsage {
    /// Returns the usage of the process with this id.
    #[must_use]
    pub fn of(process: u32) -> Self {
        ProcessUsage {
            folder: format!("/proc/{process}"),
        }
    }

    /// Returns the usage of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        ProcessUsage {
            folder: "/proc/self".into(),
        }
    }

    /// Returns the processor time that the process has used, without that of its children.
    ///
    /// # Errors
    /// If the process is gone, or the system is not Linux.
    pub fn processor_time(&self) -> io::Result<Duration> {
        ticks(&self.read("stat")?, OWN)
    }

    /// Returns the processor time of those of the process's children that have ended.
    ///
    /// # Errors
    /// If the process is gone, or the system is not Linux.
    pub fn children_processor_time(&self) -> io::Result<Duration> {
        ticks(&self.read("stat")?, CHILDREN)
    }

    /// Returns the memory that the process occupies, in bytes.
    ///
    /// # Errors
    /// If the process is gone, or the system is not Linux.
    pub fn resident_memory(&self) -> io::Result<u64> {
        size(&self.read("status")?, "VmRSS:")
    }

    /// Returns the most memory that the process has occupied at any time, in bytes.
    ///
    /// # Errors
    /// If the process is gone, or the system is not Linux.
    pub fn peak_memory(&self) -> io::Result<u64> {
        size(&self.read("status")?, "VmHWM:")
    }

    /// Returns the memory that the process occupies, in bytes. A page that is mapped several times counts once.
    /// Instances of a workflow share the pages of its memory that none of them has written to, and the kernel counts
    /// such a page as resident for each of them.
    ///
    /// # Errors
    /// If the process is gone, or the system is not Linux.
    pub fn proportional_memory(&self) -> io::Result<u64> {
        size(&self.read("smaps_rollup")?, "Pss:")
    }

    fn read(&self, file: &str) -> io::Result<String> {
        fs::read_to_string(format!("{}/{file}", self.folder))
    }
}

/// Returns the sum of two fields of `/proc/PID/stat`.
fn ticks(stat: &str, fields: [usize; 2]) -> io::Result<Duration> {
    let missing = || unreadable("/proc/PID/stat", "no processor time");
    // The name, in parentheses, may have spaces. The fields from the third on come after it.
    let (_, rest) = stat.rsplit_once(')').ok_or_else(missing)?;
    let all: Vec<&str> = rest.split_whitespace().collect();
    let mut sum = 0;
    for field in fields {
        let text = all.get(field - 3).ok_or_else(missing)?;
        sum += text.parse::<u32>().map_err(|_| missing())?;
    }
    Ok(TICK * sum)
}

/// Returns the size after this name, in bytes.
fn size(text: &str, name: &str) -> io::Result<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    let kib = kib.ok_or_else(|| unreadable("/proc/PID", name))?;
    Ok(kib << 10)
}

fn unreadable(file: &str, what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{file} is not as expected: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_after_any_process_name() {
        let stat = "1 (a) b (c) S 4 5 6 7 8 9 10 11 12 13 20 30 1 2";
        assert_eq!(ticks(stat, OWN).unwrap(), TICK * 50);
        assert_eq!(ticks(stat, CHILDREN).unwrap(), TICK * 3);
        assert!(ticks(stat, [18, 19]).is_err());
    }

    #[test]
    fn sizes_are_bytes() {
        let status = "Name:\tdormouse\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(size(status, "VmRSS:").unwrap(), 1 << 20);
        assert_eq!(size(status, "VmHWM:").unwrap(), 2 << 20);
        assert!(size(status, "Pss:").is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_occupies_memory() {
        let usage = ProcessUsage::of_this_process();
        assert!(usage.resident_memory().unwrap() > 0);
        assert!(usage.peak_memory().unwrap() > 0);
        assert!(usage.proportional_memory().unwrap() > 0);
        assert!(usage.processor_time().is_ok());
    }
}
