//! Acts of hostile callers: floods of requests that are refused, and requests that are never complete.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::ensure;

use super::context::{ActContext, DEFAULT_DURATION};
use crate::http::{connect, head};
use crate::priority;
use crate::time::{Moment, pause};

/// The number of callers of a flood. Each sends at most [`RATE`] requests in a second, as far as the host
/// leaves it a processor.
const CALLERS: usize = 4;
const RATE: u32 = 5_000;

/// The number of requests that a caller sends at once. This costs the caller less than one after the other.
const AT_ONCE: u32 = 10;

/// The number of connections with half of a body. `HALF_HEADS` is that with half of a head.
const HALF_BODIES: usize = 16;
const HALF_HEADS: usize = 300;

/// The largest body that the host accepts, in bytes.
const BODY: usize = 16 << 20;

pub(super) fn unknown_tokens(context: &ActContext<'_>) -> anyhow::Result<()> {
    flood(
        context,
        "/hooks/0123456789abcdefghijklmnopqrstuvwxyz0123456789",
        "",
    )
}

pub(super) fn ended_runs(context: &ActContext<'_>) -> anyhow::Result<()> {
    flood(context, &context.targets.ended, "")
}

pub(super) fn bad_signatures(context: &ActContext<'_>) -> anyhow::Result<()> {
    let wrong = format!("x-digest: {}\r\n", "0".repeat(64));
    flood(context, &context.targets.signed, &wrong)
}

/// Sends the same request many times. Every one must be refused.
fn flood(context: &ActContext<'_>, path: &str, lines: &str) -> anyhow::Result<()> {
    let (answered, accepted) = (AtomicU64::new(0), AtomicU64::new(0));
    let caller = || {
        priority::lower_priority();
        let mut client = context.host.client();
        let until = Moment::now().after(DEFAULT_DURATION);
        while !until.is_past() && !context.is_interrupted() {
            let sent = Moment::now();
            match client.send_often(AT_ONCE as usize, "POST", path, lines, b"in vain") {
                Ok(answers) => {
                    answered.fetch_add(answers.len() as u64, Ordering::Relaxed);
                    let taken = answers.iter().filter(|answer| answer.status < 300);
                    accepted.fetch_add(taken.count() as u64, Ordering::Relaxed);
                }
                Err(_) => pause(Duration::from_millis(50)),
            }
            let due = sent.after(Duration::from_secs(1) * AT_ONCE / RATE);
            pause(due.since(Moment::now()));
        }
    };
    thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(caller);
        }
    });
    let accepted = accepted.into_inner();
    ensure!(
        accepted == 0,
        "{accepted} requests were accepted that had to be refused: POST {path}"
    );
    let answered = answered.into_inner();
    context.fault_log.progress(&format!(
        "{answered} requests were refused in {} s",
        DEFAULT_DURATION.as_secs()
    ));
    Ok(())
}

/// Sends half of a large body on each connection, and keeps back the rest.
pub(super) fn half_bodies(context: &ActContext<'_>) -> anyhow::Result<()> {
    let address = context.host.address();
    let head = head(address, "POST", &context.targets.ended, "", BODY);
    let half = vec![b'x'; BODY / 2];
    let send = || -> io::Result<()> {
        let mut stream = connect(address)?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(&half)?;
        stream.set_read_timeout(Some(DEFAULT_DURATION))?;
        stream.read_to_end(&mut Vec::new())?;
        Ok(())
    };
    let caller = || {
        priority::lower_priority();
        let until = Moment::now().after(DEFAULT_DURATION);
        while !until.is_past() && !context.is_interrupted() {
            // The host may end the connection at any time, as it should.
            let _ = send();
            pause(Duration::from_millis(100));
        }
    };
    thread::scope(|scope| {
        for _ in 0..HALF_BODIES {
            scope.spawn(caller);
        }
    });
    Ok(())
}

/// Opens many connections, and stops each in the middle of a header line.
pub(super) fn half_heads(context: &ActContext<'_>) -> anyhow::Result<()> {
    let mut streams = Vec::new();
    for _ in 0..HALF_HEADS {
        // A host that is down accepts no connection.
        if let Ok(mut stream) = connect(context.host.address()) {
            let _ = stream.write_all(b"POST /hooks/abc HTTP/1.1\r\nhost: 127.0");
            streams.push(stream);
        }
        if context.is_interrupted() {
            break;
        }
    }
    pause(DEFAULT_DURATION);
    Ok(())
}
