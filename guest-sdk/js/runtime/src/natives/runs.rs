//! Functions for other runs, and for the next generation of this run.

use rquickjs::function::Func;
use rquickjs::{Array, Ctx, IntoJs, Object, Promise, Result, TypedArray, Value};

use super::in_run;
use super::webhooks::webhook;
use crate::bindings::dormouse::workflow::runs::{
    self, CancelOptions, ContinueOptions, RunOutcome, StartOptions,
};
use crate::bindings::dormouse::workflow::types::{Failure, Payload};
use crate::operations;
use crate::values::{error, from_bytes, millis, payload, throw, whole};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("startRun", Func::from(start))?;
    host.set("waitForRun", Func::from(wait))?;
    host.set("cancelRun", Func::from(cancel))?;
    host.set("waitForCancel", Func::from(wait_for_cancel))?;
    host.set("continueAsNew", Func::from(continue_as_new))?;
    host.set("keptWebhooks", Func::from(kept))
}

fn start<'js>(
    ctx: Ctx<'js>,
    step: String,
    workflow: String,
    content_type: String,
    body: TypedArray<'js, u8>,
    options: Object<'js>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "a start")?;
    let input = Payload {
        content_type,
        body: from_bytes(&ctx, &body)?,
    };
    let setting = |name: &str, text: String| (name.to_owned(), text);
    let label: Option<String> = options.get("label")?;
    let headers: Option<Vec<Vec<String>>> = options.get("headers")?;
    let headers = headers.into_iter().flatten();
    let headers = headers.map(|header| setting("header", header.join(": ")));
    let label = label.map(|label| setting("label", label));
    let options = StartOptions {
        version: options.get("version")?,
        when_parent_ends: options.get("whenParentEnds")?,
        timeout: millis(&options, "timeout")?,
        settings: label.into_iter().chain(headers).collect(),
    };
    let start = runs::start_run(step, workflow, input, options);
    operations::begin(&ctx, start, |started, ctx| match started {
        Ok(run) => run.into_js(ctx),
        Err(failure) => Err(throw(ctx, &failure)),
    })
}

fn wait<'js>(
    ctx: Ctx<'js>,
    step: String,
    run: String,
    timeout: Option<f64>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "a wait for a run")?;
    let wait = runs::wait_for_run(step, run, timeout.map(whole));
    operations::begin(&ctx, wait, |outcome, ctx| match outcome {
        Ok(None) => None::<u32>.into_js(ctx),
        Ok(Some(outcome)) => ended(ctx, outcome),
        Err(failure) => Err(throw(ctx, &failure)),
    })
}

/// Returns the outcome of a run as `{completed}`, `{failed}`, `{cancelled}` or `{gone: true}`.
fn ended<'js>(ctx: &Ctx<'js>, outcome: RunOutcome) -> Result<Value<'js>> {
    let object = Object::new(ctx.clone())?;
    let failed = |failure: Failure| error(ctx, &failure);
    match outcome {
        RunOutcome::Completed(output) => object.set("completed", payload(ctx, output)?)?,
        RunOutcome::Failed(failure) | RunOutcome::Other(failure) => {
            object.set("failed", failed(failure)?)?
        }
        RunOutcome::Cancelled(reason) => object.set("cancelled", reason)?,
        RunOutcome::Gone => object.set("gone", true)?,
    }
    Ok(object.into_value())
}

fn cancel<'js>(
    ctx: Ctx<'js>,
    step: String,
    run: String,
    options: Object<'js>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "`cancel`")?;
    let options = CancelOptions {
        grace: millis(&options, "grace")?,
        reason: options.get("reason")?,
        settings: Vec::new(),
    };
    operations::begin(
        &ctx,
        runs::cancel_run(step, run, options),
        |done, ctx| match done {
            Ok(done) => done.into_js(ctx),
            Err(failure) => Err(throw(ctx, &failure)),
        },
    )
}

fn wait_for_cancel<'js>(ctx: Ctx<'js>, step: String, timeout: Option<f64>) -> Result<Promise<'js>> {
    in_run(&ctx, "`waitForCancel`")?;
    let wait = runs::wait_for_cancel(step, timeout.map(whole));
    operations::begin(&ctx, wait, |reason, ctx| reason.into_js(ctx))
}

fn continue_as_new<'js>(
    ctx: Ctx<'js>,
    content_type: String,
    body: TypedArray<'js, u8>,
    keep: Vec<String>,
    on_current_version: bool,
) -> Result<()> {
    in_run(&ctx, "`continueAsNew`")?;
    let input = Payload {
        content_type,
        body: from_bytes(&ctx, &body)?,
    };
    let options = ContinueOptions {
        keep,
        on_current_version,
        settings: Vec::new(),
    };
    runs::continue_as_new(&input, &options);
    Ok(())
}

fn kept<'js>(ctx: Ctx<'js>) -> Result<Value<'js>> {
    in_run(&ctx, "`keptWebhooks`")?;
    let array = Array::new(ctx.clone())?;
    for (place, kept) in runs::kept_webhooks().into_iter().enumerate() {
        let object = webhook(&ctx, kept.webhook)?;
        object.set("step", kept.step)?;
        array.set(place, object)?;
    }
    Ok(array.into_value())
}
