//! Functions for events.

use rquickjs::function::Func;
use rquickjs::{Ctx, IntoJs, Object, Promise, Result, TypedArray};

use super::in_run;
use crate::bindings::dormouse::workflow::events;
use crate::bindings::dormouse::workflow::types::Payload;
use crate::operations;
use crate::values::{from_bytes, payload, whole};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("waitForEvent", Func::from(wait))?;
    host.set("notify", Func::from(notify))
}

fn wait<'js>(
    ctx: Ctx<'js>,
    step: String,
    event: String,
    timeout: Option<f64>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "`waitForEvent`")?;
    let wait = events::wait_for_event(step, event, timeout.map(whole));
    operations::begin(&ctx, wait, |event, ctx| match event {
        Some(event) => payload(ctx, event),
        None => None::<u32>.into_js(ctx),
    })
}

fn notify<'js>(
    ctx: Ctx<'js>,
    step: String,
    event: String,
    run: Option<String>,
    content_type: String,
    body: TypedArray<'js, u8>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "`notify`")?;
    let payload = Payload {
        content_type,
        body: from_bytes(&ctx, &body)?,
    };
    let notify = events::notify(step, event, run, payload);
    operations::begin(&ctx, notify, |reached, ctx| reached.into_js(ctx))
}
