//! Functions for calls and timers.

use rquickjs::function::Func;
use rquickjs::{Ctx, IntoJs, Object, Promise, Result, TypedArray};

use super::in_run;
use crate::bindings::dormouse::workflow::types::Request;
use crate::bindings::dormouse::workflow::{http, timers};
use crate::operations;
use crate::values::{call_options, called, from_bytes, from_headers, whole};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("mayCall", Func::from(may_call))?;
    host.set("call", Func::from(call))?;
    host.set("sleep", Func::from(sleep))?;
    host.set("sleepUntil", Func::from(sleep_until))
}

/// Refuses a call at deployment, while the engine's stack still has the place in the program.
fn may_call(ctx: Ctx<'_>) -> Result<()> {
    in_run(&ctx, "a call")
}

/// Begins a call, and returns the promise of its outcome. `request` is `{method, url, headers, body}`.
fn call<'js>(
    ctx: Ctx<'js>,
    step: String,
    request: Object<'js>,
    options: Object<'js>,
) -> Result<Promise<'js>> {
    in_run(&ctx, "a call")?;
    let body: TypedArray<'js, u8> = request.get("body")?;
    let request = Request {
        method: request.get("method")?,
        url: request.get("url")?,
        headers: from_headers(&ctx, request.get("headers")?)?,
        body: from_bytes(&ctx, &body)?,
    };
    let options = call_options(&options)?;
    operations::begin(&ctx, http::call(step, request, options), |result, ctx| {
        called(ctx, result)
    })
}

fn sleep<'js>(ctx: Ctx<'js>, step: String, span: f64) -> Result<Promise<'js>> {
    in_run(&ctx, "a timer")?;
    operations::begin(&ctx, timers::sleep(step, whole(span)), |(), ctx| {
        ().into_js(ctx)
    })
}

fn sleep_until<'js>(ctx: Ctx<'js>, step: String, instant: f64) -> Result<Promise<'js>> {
    in_run(&ctx, "a timer")?;
    operations::begin(
        &ctx,
        timers::sleep_until(step, whole(instant)),
        |(), ctx| ().into_js(ctx),
    )
}
