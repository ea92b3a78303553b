//! How many files and sockets the process may have open.

use dormouse_limits::CONNECTIONS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files and sockets beside the connections that are accepted: of the store, calls and compilers.
const BESIDE: u64 = 2_048;

/// Raises the limit as far as it can be raised without rights: shells and service managers set it to 1,024, which is
/// meant for programs that use `select`, while what they allow is far more.
pub fn raise_open_files(connections: usize) {
    let found = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: found.maximum,
        maximum: found.maximum,
    };
    let limit = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => found.maximum,
        Err(_) => found.current,
    };
    let wanted = connections as u64 + BESIDE;
    if let Some(limit) = limit.filter(|limit| *limit < wanted) {
        tracing::warn!(
            limit,
            wanted,
            "this process may open fewer files than its connections need; raise its limit (LimitNOFILE of systemd, \
             ulimit -n), or lower the setting `{CONNECTIONS}`"
        );
    }
}
