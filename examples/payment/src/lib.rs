//! Takes an order, asks a payment provider for the money, and waits until the provider reports the outcome.

use dormouse_sdk::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Input {
    provider_url: String,
    price: u32,
    currency: String,
    deadline_ms: u64,
}

#[derive(Serialize)]
struct Outcome {
    outcome: &'static str,
    amount: u64,
    currency: String,
    events: Vec<String>,
}

#[derive(Deserialize)]
struct Order {
    quantity: u32,
}

/// A payment that the provider is to collect. This is the provider's name for it.
#[derive(Deserialize)]
struct Intent {
    id: String,
    url: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
}

#[workflow]
async fn payment(ctx: Context, input: Input) -> Result<Outcome> {
    let checkout = ctx.webhook("checkout").reply_from_workflow("10s").create();
    let events = ctx
        .webhook("events")
        .signature(Signature::stripe(["payment-signing"]))
        .create();
    let provider = async |path: &str, body: &Value, step: &str| {
        ctx.post(format!("{}/v1/payment_intents{path}", input.provider_url))
            .secret_header("authorization", "Bearer ", "payment-api-key")
            .json(body)
            .send(step)
            .await?
            .error_for_status()
    };

    let (customer, order) = valid_order(&checkout).await?;
    let amount = u64::from(input.price) * u64::from(order.quantity);
    let wanted = json!({
        "amount": amount,
        "currency": input.currency,
        "metadata": { "run": ctx.run().id },
        "webhook_url": events.url(),
    });
    let intent: Intent = match provider("", &wanted, "create payment").await {
        Ok(response) => response.json()?,
        Err(error) => {
            customer.respond(problem(
                502,
                "The payment cannot be taken",
                error.message(),
            )?);
            return Err(error);
        }
    };
    let answer = json!({ "payment": intent.id, "amount": amount, "payAt": intent.url });
    customer.respond(Response::new(201).with_json(&answer)?);
    checkout.close();

    let mut deadline = ctx.sleep("deadline", millis(input.deadline_ms));
    let mut seen = Vec::new();
    let outcome = loop {
        select! {
            event = events.wait() => {
                let event: Event = event.json()?;
                seen.push(event.id);
                match event.r#type.as_str() {
                    "payment_intent.succeeded" => break "paid",
                    "payment_intent.payment_failed" => break "failed",
                    _ => {} // It says how the payment gets on, and decides nothing.
                }
            }
            _ = &mut deadline => {
                let cancel = format!("/{}/cancel", intent.id);
                provider(&cancel, &json!({}), "cancel payment").await?;
                break "expired";
            }
        }
    };
    Ok(Outcome {
        outcome,
        amount,
        currency: input.currency,
        events: seen,
    })
}

/// Waits for a valid order. The sender of an invalid order is told what is wrong with it.
async fn valid_order(checkout: &Webhook) -> Result<(Delivery, Order)> {
    loop {
        let customer = checkout.wait().await;
        let wrong = match customer.json::<Order>() {
            Ok(order) if (1..=10).contains(&order.quantity) => return Ok((customer, order)),
            Ok(order) => format!("1 to 10 can be ordered, not {}", order.quantity),
            Err(error) => error.message().to_owned(),
        };
        customer.respond(problem(422, "The order is not valid", &wrong)?);
    }
}

/// Returns a problem as RFC 9457 defines it.
fn problem(status: u16, title: &str, detail: &str) -> Result<Response> {
    Response::new(status)
        .with_header("content-type", "application/problem+json")
        .with_json(&json!({ "title": title, "status": status, "detail": detail }))
}
