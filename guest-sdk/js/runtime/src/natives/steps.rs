//! Functions for steps.

use rquickjs::function::Func;
use rquickjs::{Ctx, Object, Result, TypedArray, Value};

use super::in_run;
use crate::bindings::dormouse::workflow::steps;
use crate::bindings::dormouse::workflow::types::{Failure, Payload};
use crate::values::{error, from_bytes, payload};

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("beginStep", Func::from(begin))?;
    host.set("finishStep", Func::from(finish))?;
    host.set("failStep", Func::from(fail))
}

/// Begins a step. Returns its recorded outcome, `{ok}` or `{error}`, or none if the step must be executed.
fn begin<'js>(ctx: Ctx<'js>, step: String) -> Result<Option<Value<'js>>> {
    in_run(&ctx, "a step")?;
    let Some(outcome) = steps::begin(&step) else {
        return Ok(None);
    };
    let object = Object::new(ctx.clone())?;
    match outcome {
        Ok(value) => object.set("ok", payload(&ctx, value)?)?,
        Err(failure) => object.set("error", error(&ctx, &failure)?)?,
    }
    Ok(Some(object.into_value()))
}

fn finish<'js>(
    ctx: Ctx<'js>,
    step: String,
    content_type: String,
    body: TypedArray<'js, u8>,
) -> Result<()> {
    in_run(&ctx, "a step")?;
    let payload = Payload {
        content_type,
        body: from_bytes(&ctx, &body)?,
    };
    steps::finish(&step, Ok(&payload));
    Ok(())
}

fn fail(ctx: Ctx<'_>, step: String, code: String, message: String) -> Result<()> {
    in_run(&ctx, "a step")?;
    steps::finish(&step, Err(&Failure { code, message }));
    Ok(())
}
