//! Passes a job to a service, and collects the updates that the service sends until the job is
//! done.

use dormouse_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    service_url: String,
    timeout_ms: u64,
}

#[workflow]
async fn progress(ctx: Context, input: Input) -> Result<Vec<Value>> {
    let hook = ctx.webhook("progress").create();
    let job = json!({ "webhookUrl": hook.url() });
    ctx.post(input.service_url)
        .json(&job)
        .send("start job")
        .await?
        .error_for_status()?;

    let mut updates = Vec::new();
    while let Some(update) = hook.wait_timeout(millis(input.timeout_ms)).await {
        updates.push(update.json()?);
        if update.header("x-task-finished") == Some("true") {
            break;
        }
    }
    Ok(updates)
}

#[cfg(test)]
mod tests;
