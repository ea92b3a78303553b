//! An act that fills the host's disk.

use std::io;
use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use super::stage::{LASTS, Stage};
use crate::api::{AGAIN, is_not_now};
use crate::http::Answer;
use crate::neighbours::WORKFLOW;
use crate::time::{Moment, pause};

/// How soon the host must accept writes after there is room again. The host's patience counts if it is longer.
const AGAIN_WITHIN: Duration = Duration::from_secs(60);

/// Fills the disk, empties it again, and waits until the host accepts writes.
pub(super) fn fill(stage: &Stage<'_>) -> anyhow::Result<()> {
    let _alone = stage
        .ground
        .disk
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let disk = stage.host.disk.as_ref().context("there is no small disk")?;
    disk.fill()?;
    let until = Moment::now().after(LASTS);
    let mut refused = 0;
    while !until.is_past() {
        let answer = write(stage);
        refused += usize::from(answer.is_ok_and(|answer| answer.status == 503));
        pause(5 * AGAIN);
    }
    disk.empty()?;
    stage.telling.progress(&format!(
        "disk: {refused} writes of the storm's own were refused while it was full"
    ));
    until_written(stage)
}

/// Waits until the host accepts a write.
fn until_written(stage: &Stage<'_>) -> anyhow::Result<()> {
    let emptied = Moment::now();
    let within = AGAIN_WITHIN.max(stage.host.patience);
    loop {
        match write(stage) {
            Ok(answer) if answer.status == 202 => {
                let seconds = emptied.elapsed().as_secs_f64();
                stage.telling.progress(&format!(
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
fn write(stage: &Stage<'_>) -> io::Result<Answer> {
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let input = json!({"now": true}).to_string();
    let lines = "content-type: application/json\r\n";
    let mut client = stage.host.client();
    client.send("POST", &path, lines, input.as_bytes())
}
