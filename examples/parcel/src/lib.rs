//! Sends one parcel: passes it to a carrier, and waits until it is delivered. The workflow `order` starts one run for
//! each parcel.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Parcel {
    carrier_url: String,
    address: String,
}

#[derive(Deserialize, Serialize)]
struct Delivered {
    tracking: String,
}

#[workflow]
async fn parcel(ctx: Context, parcel: Parcel) -> Result<Delivered> {
    let delivered = ctx.webhook("delivered").create();
    let tell = async |step: &str| {
        let message = json!({
            "do": step,
            "address": parcel.address,
            "callbackUrl": delivered.url(),
        });
        ctx.post(&parcel.carrier_url)
            .json(&message)
            .send(step)
            .await?
            .error_for_status()
    };
    tell("collect").await?;
    select! {
        call = delivered.wait() => call.json(),
        reason = ctx.wait_for_cancel("cancel") => {
            tell("turn-back").await?;
            Err(Error::new("turned-back", reason))
        }
    }
}
