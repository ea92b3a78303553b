//! A workflow that waits, and does as little as one can beside it: what `cargo xtask bench` measures is the host.

use dormouse_sdk::prelude::*;
use serde::Deserialize;

/// What a run does, in this order.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Input {
    /// Computes for ever.
    spin: bool,
    /// Sleeps until this time.
    sleep_until: Option<u64>,
    /// Takes so many requests, whose callers are answered by the host.
    requests: u32,
    /// Takes so many requests, and answers each of their callers.
    questions: u32,
    /// How long it waits for a question. Without it there is no timer.
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
