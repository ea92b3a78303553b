//! The behaviour that every language must have, in Rust. `flow.ts` and `flow.py` beside this crate do the
//! same. The tests of all three are in `tests/e2e/tests/behaviour.rs`.

use dormouse_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Input {
    r#do: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    number: u64,
}

#[workflow]
async fn behaviour(ctx: Context, input: Input) -> Result<Value> {
    match input.r#do.as_str() {
        "lookback" => lookback(ctx, &input).await,
        "fifo" => fifo(ctx).await,
        "timeout" => timed_out(ctx).await,
        "race" => race(ctx).await,
        "join" => joined(ctx, &input).await,
        "cancel" => cancelled(ctx).await,
        "child" => child(ctx).await,
        "double" => Ok(json!(input.number * 2)),
        "generations" => generations(ctx, &input).await,
        "error" => Err(Error::new("card-declined", "no funds")),
        "event" => event(ctx).await,
        "unicode" => unicode(ctx).await,
        "binary" => binary(ctx).await,
        "answer" => answer(ctx).await,
        "many" => many(ctx, &input).await,
        other => Err(Error::new("unknown", other)),
    }
}

/// A request that comes before the wait is kept.
async fn lookback(ctx: Context, input: &Input) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let told = ctx.post(&input.service).json(&hook.url());
    told.send("tell").await?.error_for_status()?;
    ctx.sleep("pause", "200ms").await;
    Ok(json!(hook.wait().await.text()?))
}

/// Requests are taken in the order in which they came.
async fn fifo(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    ctx.event("begin").wait().await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(hook.wait().await.text()?.into_owned());
    }
    Ok(json!(seen))
}

/// A wait whose time is over returns nothing, and takes no request.
async fn timed_out(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let first = hook.wait_timeout("20ms").await;
    let second = hook.wait().await;
    Ok(json!([first.is_none(), second.text()?]))
}

/// An operation that loses a race is given up, and takes no request.
async fn race(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let winner = select! {
        _ = hook.wait() => "request",
        () = ctx.sleep("pause", "20ms") => "timer",
    };
    Ok(json!([winner, hook.wait().await.text()?]))
}

/// Operations run at the same time, and their results are in order.
async fn joined(ctx: Context, input: &Input) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let ask = async |name: &str| {
        let call = ctx.post(format!("{}/{name}", input.service));
        Ok::<_, Error>(call.send(name).await?.status)
    };
    let (a, b, c, wake) = join!(ask("a"), ask("b"), ask("c"), hook.wait());
    Ok(json!([a?, b?, c?, wake.text()?]))
}

/// A run is asked to cancel while it waits for something else.
async fn cancelled(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    select! {
        reason = ctx.wait_for_cancel("cancel") => Ok(json!(reason)),
        _ = hook.wait() => Ok(Value::Null),
    }
}

/// A run starts another run, and waits for it.
async fn child(ctx: Context) -> Result<Value> {
    let input = json!({ "do": "double", "number": 21 });
    let run = ctx.start(ctx.run().workflow, &input).await?;
    run.output().await
}

/// Generations keep a webhook.
async fn generations(ctx: Context, input: &Input) -> Result<Value> {
    let kept = ctx.kept_webhook("hook");
    let hook = kept.unwrap_or_else(|| ctx.webhook("hook").create());
    if hook.wait().await.text()? == "stop" {
        return Ok(json!(input.number));
    }
    let next = json!({ "do": "generations", "number": input.number + 1 });
    ctx.continue_as_new(&next).keep(&hook).begin()
}

/// An event is sent to the run.
async fn event(ctx: Context) -> Result<Value> {
    ctx.event("news").wait().await.json()
}

/// Bodies and names have text in other scripts.
async fn unicode(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let text = hook.wait().await.text()?.into_owned();
    ctx.sleep(format!("⏰ {text}"), "1ms").await;
    Ok(json!({ "text": text, "characters": text.chars().count() }))
}

/// A body has every byte.
async fn binary(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    Ok(json!(hook.wait().await.body))
}

/// The workflow answers a caller.
async fn answer(ctx: Context) -> Result<Value> {
    let hook = ctx.webhook("hook").reply_from_workflow("30s").create();
    let delivery = hook.wait().await;
    let text = delivery.text()?.into_owned();
    delivery.respond(Response::new(201).with_json(&json!({ "heard": text }))?);
    Ok(json!(text))
}

/// A run makes this many operations, with three waits among them.
async fn many(ctx: Context, input: &Input) -> Result<Value> {
    let hook = ctx.webhook("hook").create();
    let mut sum = 0;
    for part in 0..4 {
        for number in 0..input.number / 4 {
            sum += ctx.step("add", || Ok(number))?;
        }
        if part < 3 {
            hook.wait().await;
        }
    }
    Ok(json!(sum))
}
