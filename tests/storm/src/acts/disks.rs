//! An act that fills the host's disk.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use super::context::{ActContext, DEFAULT_DURATION};
use crate::api::{AGAIN, is_not_now};
use crate::http::Answer;
use crate::neighbours::WORKFLOW;
use crate::time::{Moment, pause};

/// How soon the host must accept writes after there is room again. If the timeout of the host is longer, it applies instead.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// Fills the disk, empties it again, and waits until the host accepts writes.
pub(super) fn fill(context: &ActContext<'_>) -> anyhow::Result<()> {
    let _alone = context
        .targets
        .disk
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let disk = context
        .host
        .disk
        .as_ref()
        .context("there is no small disk")?;
    disk.fill()?;
    let until = Moment::now().after(DEFAULT_DURATION);
    let mut refused = 0;
    while !until.is_past() {
        let answer = write(context);
        refused += usize::from(answer.is_ok_and(|answer| answer.status == 503));
        pause(5 * AGAIN);
    }
    disk.empty()?;
    context.fault_log.progress(&format!(
        "disk: {refused} writes of the storm's own were refused while it was full"
    ));
    until_written(context)
}

/// Waits until the host accepts a write.
fn until_written(context: &ActContext<'_>) -> anyhow::Result<()> {
    let emptied = Moment::now();
    let within = AGAIN_WITHIN.max(context.host.timeout);
    loop {
        match write(context) {
            Ok(answer) if answer.status == 202 => {
                let seconds = emptied.elapsed().as_secs_f64();
                context.fault_log.progress(&format!(
                    "disk: writes were taken again {seconds:.1} s after it was emptied"
                ));
                return Ok(());
            }
            Ok(answer) if !is_not_now(answer.status) => {
                bail!(
                    "a start after the disk was emptied was answered {}",
                    answer.status
                )
            }
            answer if emptied.elapsed() > within => {
                bail!(
                    "no write was taken for {within:?} after the disk was emptied; last: {answer:?}"
                )
            }
            _ => pause(AGAIN),
        }
    }
}

/// Starts a run that ends at once.
fn write(context: &ActContext<'_>) -> io::Result<Answer> {
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let input = json!({"now": true}).to_string();
    let lines = "content-type: application/json\r\n";
    let mut client = context.host.client();
    client.send("POST", &path, lines, input.as_bytes())
}
