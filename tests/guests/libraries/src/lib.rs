//! Uses the libraries that `docs/explanation/what-works.md` lists as working in a workflow, before and after a wait in
//! which the host may be restarted.

use chrono::DateTime;
use chrono_tz::Europe::Berlin;
use dormouse_sdk::prelude::*;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde::Serialize;

/// The results of the libraries.
#[derive(Serialize)]
struct Seen {
    id: String,
    dice: Vec<u8>,
    shuffled: Vec<u8>,
    ended: Vec<u64>,
    local_time: String,
}

/// Answers a request with the results before it, and returns these and the results after it.
#[workflow]
async fn libraries(ctx: Context) -> Result<[Seen; 2]> {
    let look = ctx.webhook("look").reply_from_workflow("1m").create();
    let go = ctx.webhook("go").create();
    let mut chance = StdRng::seed_from_u64(ctx.random_u64());
    let before = compute(ctx, &mut chance).await?;
    let response = Response::new(200).with_json(&before)?;
    look.wait().await.respond(response);
    go.wait().await;
    let after = compute(ctx, &mut chance).await?;
    Ok([before, after])
}

async fn compute(ctx: Context, chance: &mut StdRng) -> Result<Seen> {
    let id = uuid::Builder::from_random_bytes(chance.random()).into_uuid();
    let dice = (0..20).map(|_| chance.random_range(1..=6)).collect();
    let mut shuffled: Vec<u8> = (0..20).collect();
    shuffled.shuffle(chance);

    // The step names make the host check that a rebuilt run computes the same.
    let sleeps = shuffled.iter().map(|number| async move {
        let number = u64::from(*number);
        ctx.sleep(format!("{id} {number}"), millis(number % 3))
            .await;
        number
    });
    let sleeps: FuturesUnordered<_> = sleeps.collect();
    let ended = sleeps.collect().await;

    let now = i64::try_from(ctx.now().as_millis())?;
    let now = DateTime::from_timestamp_millis(now)
        .ok_or_else(|| Error::new("no-date", "the time is not a valid date"))?;
    Ok(Seen {
        id: id.to_string(),
        dice,
        shuffled,
        ended,
        local_time: now.with_timezone(&Berlin).to_string(),
    })
}
