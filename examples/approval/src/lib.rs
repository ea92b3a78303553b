//! Asks for an approval, sends reminders while there is no decision, and gives up at a deadline.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    notify_url: String,
    reminder_ms: u64,
    deadline_ms: u64,
    subject: String,
}

#[derive(Serialize)]
struct Outcome {
    decision: &'static str,
    reminders: u32,
}

#[workflow]
async fn approval(ctx: Context, input: Input) -> Result<Outcome> {
    let approve = ctx.webhook("approve").create();
    let reject = ctx.webhook("reject").create();
    let notify = async |kind: &str| {
        let message = json!({
            "approveUrl": approve.url(),
            "rejectUrl": reject.url(),
            "subject": input.subject,
            "kind": kind,
        });
        ctx.post(&input.notify_url)
            .json(&message)
            .send(kind)
            .await?
            .error_for_status()
    };
    notify("request").await?;

    // The waits are awaited by reference, so that a reminder in between does not give them up.
    let mut approved = approve.wait();
    let mut rejected = reject.wait();
    let mut deadline = ctx.sleep("deadline", millis(input.deadline_ms));
    let mut reminders = 0;
    let decision = loop {
        select! {
            _ = &mut approved => break "approved",
            _ = &mut rejected => break "rejected",
            _ = &mut deadline => break "expired",
            _ = ctx.sleep("reminder", millis(input.reminder_ms)) => {
                notify("reminder").await?;
                reminders += 1;
            }
        }
    };
    Ok(Outcome {
        decision,
        reminders,
    })
}
