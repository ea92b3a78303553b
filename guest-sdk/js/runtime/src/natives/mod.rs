//! The functions that `js/` calls. They are members of one object, which the workflow's own code never sees.

mod calls;
mod context;
mod crypto;
mod events;
mod keys;
mod loading;
mod rng;
mod runs;
mod signing;
mod steps;
mod text;
mod url;
mod webhooks;

use rquickjs::function::Constructor;
use rquickjs::{Ctx, Object, Result, Value};

use crate::clock;
use crate::failure::Thrown;

/// Returns the object with the functions.
pub(crate) fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let host = Object::new(ctx.clone())?;
    calls::add(&host)?;
    context::add(&host)?;
    crypto::add(&host)?;
    events::add(&host)?;
    keys::add(&host)?;
    loading::add(&host)?;
    runs::add(&host)?;
    signing::add(&host)?;
    steps::add(&host)?;
    text::add(&host)?;
    url::add(&host)?;
    webhooks::add(&host)?;
    Ok(host)
}

/// Refuses an operation while the workflow is deployed, since only a run has operations.
fn in_run(ctx: &Ctx<'_>, what: &str) -> Result<()> {
    if clock::runs() {
        return Ok(());
    }
    let message = format!(
        "{what} is an operation of a run, and was asked for at the top level of a module; move it into the function that is \
         given to `serve`"
    );
    // JavaScript makes the error, so that it has a stack with the place in the program.
    let error: Constructor<'_> = ctx.globals().get("Error")?;
    let error: Value<'_> = error.construct((message,))?;
    clock::refuse(&Thrown::of(&error).text());
    Err(ctx.throw(error))
}
