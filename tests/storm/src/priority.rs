//! Who gets the processors. In life, attackers and services are on other machines: here, where they share the processors with
//! the host and its neighbours, they get what these leave.

use rustix::process::{getpriority_process, setpriority_process};

/// How nice an attacker is: it gets about a tenth of the time that a thread of the host gets.
const NICE: i32 = 10;

/// Has this thread, and those that it spawns, give way to the host and its neighbours. Linux has a priority for each thread.
pub(crate) fn give_way() {
    let nice = getpriority_process(None).unwrap_or_default();
    // Whoever may not be nicer competes with the host, which makes the times longer and nothing wrong.
    let _ = setpriority_process(None, nice + NICE);
}
