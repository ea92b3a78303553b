//! A workflow that waits, and does as little as possible besides, so that `cargo xtask bench` measures the host.

use dormouse_sdk::prelude::*;
use serde::Deserialize;

/// The acts of a run, in this order.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Input {
    /// Computes without end.
    spin: bool,
    /// Sleeps until this time.
    sleep_until: Option<u64>,
    /// Takes this many requests. The host answers their callers.
    requests: u32,
    /// Takes this many requests, and answers each caller.
    questions: u32,
    /// The time limit of a wait for a question, in milliseconds. Without it, there is no timer.
    timeout_ms: Option<u64>,
}

#[workflow]
async fn waiter(ctx: Context, input: Input) -> Result<()> {
    if input.spin {
        loop {
            std::hint::spin_loop();
        }
    }
    if let Some(millis) = input.sleep_until {
        ctx.sleep_until("until", Instant::from_millis(millis)).await;
    }
    if input.requests > 0 {
        take(&ctx, input.requests).await;
    }
    if input.questions > 0 {
        answer(&ctx, &input).await;
    }
    Ok(())
}

async fn take(ctx: &Context, requests: u32) {
    let hook = ctx.webhook("requests").create();
    for _ in 0..requests {
        hook.wait().await;
    }
}

async fn answer(ctx: &Context, input: &Input) {
    let hook = ctx.webhook("questions").reply_from_workflow("60s").create();
    for _ in 0..input.questions {
        let question = match input.timeout_ms {
            None => Some(hook.wait().await),
            Some(timeout) => hook.wait_timeout(millis(timeout)).await,
        };
        let Some(question) = question else { return };
        question.respond(Response::new(200));
    }
}
