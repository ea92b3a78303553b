//! Priorities of threads. Outside of tests, attackers and services are on other machines. Here they share the
//! processors with the host and its neighbours, so they get only the time that the others leave.

use rustix::process::{getpriority_process, setpriority_process};

/// The nice value of an attacker's thread, which gets about a tenth of the time of a host's thread.
const NICE: i32 = 10;

/// Lowers the priority of this thread and of the threads that it starts. On Linux, each thread has its own priority.
pub(crate) fn lower_priority() {
    let nice = getpriority_process(None).unwrap_or_default();
    // A thread that may not lower its priority competes with the host, which makes the measured times longer but does
    // no other harm.
    let _ = setpriority_process(None, nice + NICE);
}
