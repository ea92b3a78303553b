//! Charges a plan every month until the subscription is cancelled, and lets a webhook change the plan at any time.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// A subscription, which each month passes on to the next.
#[derive(Deserialize, Serialize)]
struct Subscription {
    billing_url: String,
    plan: String,
    /// The length of a month, in milliseconds.
    #[serde(default = "thirty_days")]
    month_ms: u64,
    /// The number of months that were charged.
    #[serde(default)]
    charged: u64,
    /// The time at which the next month begins. `None` before the first month.
    #[serde(default)]
    next: Option<Instant>,
}

fn thirty_days() -> u64 {
    30 * 24 * 60 * 60 * 1_000
}

#[derive(Deserialize)]
struct Change {
    plan: String,
}

#[derive(Serialize)]
struct Outcome {
    outcome: &'static str,
    plan: String,
    months: u64,
}

/// Charges one month. The next month is another generation of the run, so that its journal and memory do not grow.
#[workflow]
async fn subscription(ctx: Context, mut subscription: Subscription) -> Result<Outcome> {
    let change = ctx
        .kept_webhook("change plan")
        .unwrap_or_else(|| ctx.webhook("change plan").create());
    charge(ctx, &subscription, &change).await?;
    subscription.charged += 1;
    let begun = subscription.next.unwrap_or_else(|| ctx.now());
    let next = begun + millis(subscription.month_ms);
    subscription.next = Some(next);
    loop {
        select! {
            request = change.wait() => match request.json::<Change>() {
                Ok(change) => subscription.plan = change.plan,
                // The change was invalid. The subscription continues with the old plan.
                Err(error) => ctx.warn(format_args!("no change of the plan: {error}")),
            },
            reason = ctx.wait_for_cancel("cancel") => {
                ctx.info(format_args!("cancelled: {reason}"));
                return end(ctx, subscription).await;
            }
            () = ctx.sleep_until("next month", next) => {
                return ctx
                    .continue_as_new(&subscription)
                    .keep(&change)
                    .on_current_version()
                    .begin();
            }
        }
    }
}

async fn charge(ctx: Context, subscription: &Subscription, change: &Webhook) -> Result<()> {
    let message = json!({
        "do": "charge",
        "plan": subscription.plan,
        "month": subscription.charged + 1,
        "changeUrl": change.url(),
    });
    let call = ctx.post(&subscription.billing_url).json(&message);
    call.send("charge").await?.error_for_status()?;
    Ok(())
}

async fn end(ctx: Context, subscription: Subscription) -> Result<Outcome> {
    let message = json!({ "do": "end", "plan": subscription.plan });
    let call = ctx.post(&subscription.billing_url).json(&message);
    call.send("end").await?.error_for_status()?;
    Ok(Outcome {
        outcome: "ended",
        plan: subscription.plan,
        months: subscription.charged,
    })
}
