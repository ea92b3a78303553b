//! Distributes the parts of a job to a service, all at the same time, and collects the results as
//! they come in.

use dormouse_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    service_url: String,
    count: u32,
}

#[workflow]
async fn fan_out(ctx: Context, input: Input) -> Result<Vec<Value>> {
    try_join_all((0..input.count).map(|index| part(ctx, &input.service_url, index))).await
}

async fn part(ctx: Context, service_url: &str, index: u32) -> Result<Value> {
    let hook = ctx.webhook(format!("result {index}")).create();
    let part = json!({ "webhookUrl": hook.url(), "index": index });
    ctx.post(service_url)
        .json(&part)
        .send(format!("part {index}"))
        .await?
        .error_for_status()?;
    hook.wait().await.json()
}
