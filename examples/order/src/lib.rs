//! Takes an order through payment, stock and shipping. If one part fails or the order is cancelled, it undoes the parts
//! that were done, the last one first.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order {
    payment_url: String,
    stock_url: String,
    carrier_url: String,
    amount: u64,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct Outcome {
    outcome: &'static str,
    tracking: Vec<Value>,
}

/// A part of the order that was done and can be undone.
enum Done {
    Charged,
    Reserved,
    Shipped(OtherRun),
}

#[workflow]
async fn order(ctx: Context, order: Order) -> Result<Outcome> {
    let mut done = Vec::new();
    let result = select! {
        shipped = fulfil(ctx, &order, &mut done) => shipped,
        reason = ctx.wait_for_cancel("cancel") => {
            ctx.info(format_args!("cancelled: {reason}"));
            Ok(Outcome { outcome: "cancelled", tracking: Vec::new() })
        }
    };
    let is_shipped = result
        .as_ref()
        .is_ok_and(|outcome| outcome.outcome == "shipped");
    if !is_shipped {
        undo(ctx, &order, done).await?;
    }
    result
}

/// Does the parts of an order one after the other, and records each in `done`.
async fn fulfil(ctx: Context, order: &Order, done: &mut Vec<Done>) -> Result<Outcome> {
    let amount = json!({ "amount": order.amount });
    // A part is recorded before its call, since a call that failed may have had an effect that must be undone.
    done.push(Done::Charged);
    tell(ctx, &order.payment_url, "charge", &amount).await?;
    done.push(Done::Reserved);
    let parcels = json!({ "parcels": order.addresses.len() });
    tell(ctx, &order.stock_url, "reserve", &parcels).await?;

    let mut parcels = Vec::new();
    for address in &order.addresses {
        let input = json!({ "carrier_url": order.carrier_url, "address": address });
        let parcel = ctx.start("parcel", &input).await?;
        done.push(Done::Shipped(parcel.clone()));
        parcels.push(parcel);
    }
    let tracking = try_join_all(parcels.iter().map(OtherRun::output::<Value>)).await?;
    Ok(Outcome {
        outcome: "shipped",
        tracking,
    })
}

/// Undoes the parts that were done, the last one first.
async fn undo(ctx: Context, order: &Order, done: Vec<Done>) -> Result<()> {
    let amount = json!({ "amount": order.amount });
    for done in done.into_iter().rev() {
        match done {
            Done::Charged => tell(ctx, &order.payment_url, "refund", &amount).await?,
            Done::Reserved => tell(ctx, &order.stock_url, "release", &json!({})).await?,
            Done::Shipped(parcel) => {
                parcel.ask_to_cancel("the order is off", "1m").await?;
                parcel.wait().await?;
            }
        }
    }
    Ok(())
}

async fn tell(ctx: Context, url: &str, what: &str, details: &Value) -> Result<()> {
    let message = json!({ "do": what, "details": details });
    let response = ctx.post(url).json(&message).send(what).await?;
    response.error_for_status()?;
    Ok(())
}
