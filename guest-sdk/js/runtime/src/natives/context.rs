//! Functions for the run's identity, its time, random numbers, label, log and result.

use rquickjs::function::Func;
use rquickjs::{Ctx, Exception, Object, Result, Value};

use super::in_run;
use crate::bindings::dormouse::workflow::context::{self, Level};
use crate::failure::Thrown;
use crate::values::{bytes, headers, throw};
use crate::{clock, engine, operations, run};

/// How many random bytes the host returns at once.
const MOST: u32 = 65_536;

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("beforeJobs", Func::from(engine::before_jobs))?;
    host.set("latest", Func::from(operations::latest))?;
    host.set("giveUp", Func::from(operations::give_up))?;
    host.set("complete", Func::from(run::complete))?;
    host.set("fail", Func::from(run::fail))?;
    host.set("now", Func::from(now))?;
    host.set("random", Func::from(random))?;
    host.set("log", Func::from(log))?;
    host.set("told", Func::from(told))?;
    host.set("setLabel", Func::from(set_label))?;
    host.set("currentRun", Func::from(current_run))
}

#[allow(clippy::cast_precision_loss, reason = "exact until the year 287396")]
fn now() -> f64 {
    clock::now() as f64
}

fn random<'js>(ctx: Ctx<'js>, length: u32) -> Result<Value<'js>> {
    if length > MOST {
        let message = format!("{length} random bytes were asked for; {MOST} are given at once");
        return Err(Exception::throw_range(&ctx, &message));
    }
    bytes(&ctx, draw(length))
}

/// Returns random bytes. At deployment it returns zeros, and it is noted that random numbers were asked for.
pub(super) fn draw(length: u32) -> Vec<u8> {
    if clock::ask() {
        context::random(length)
    } else {
        vec![0; length as usize]
    }
}

fn log(level: String, message: String) {
    if !clock::runs() {
        return;
    }
    let level = match level.as_str() {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    };
    context::log(level, &message);
}

/// Returns the text of a thrown value for people, with the lines of the author's files.
fn told(thrown: Value<'_>) -> String {
    Thrown::of(&thrown).text()
}

fn set_label(ctx: Ctx<'_>, label: String) -> Result<()> {
    in_run(&ctx, "`label`")?;
    context::set_label(&label).map_err(|failure| throw(&ctx, &failure))
}

#[allow(clippy::cast_precision_loss, reason = "exact until the year 287396")]
fn current_run<'js>(ctx: Ctx<'js>) -> Result<Value<'js>> {
    in_run(&ctx, "the run's id")?;
    let run = context::current_run();
    let object = Object::new(ctx.clone())?;
    object.set("id", run.id)?;
    object.set("workflow", run.workflow)?;
    object.set("version", run.version)?;
    object.set("started", run.started as f64)?;
    object.set("headers", headers(&run.headers))?;
    Ok(object.into_value())
}
