//! The number of files and sockets that the process may have open.

use dormouse_limits::CONNECTIONS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The number of files and sockets besides accepted connections: those of the store, of calls and of compilers.
const OTHER_FILES: u64 = 2_048;

/// Raises the limit as far as is possible without privileges. Shells and service managers set it to 1,024, which is
/// meant for programs that use `select`, although they allow much more.
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
    let wanted = connections as u64 + OTHER_FILES;
    if let Some(limit) = limit.filter(|limit| *limit < wanted) {
        tracing::warn!(
            limit,
            wanted,
            "this process may open fewer files than its connections need; raise its limit (LimitNOFILE of systemd, \
             ulimit -n), or lower the setting `{CONNECTIONS}`"
        );
    }
}
