//! A workflow whose input is a script, and whose result has the results of the script, so that a
//! test can make any run from outside. README.md lists the forms of a script.

// A test has all forms in one `json!`, which needs a deeper recursion.
#![cfg_attr(test, recursion_limit = "256")]

mod build;
mod fill;
mod form;
mod interpreter;
mod mirror;
mod order;

use dormouse_sdk::prelude::*;

use crate::form::Script;
use crate::interpreter::Interpreter;

#[workflow]
async fn script(ctx: Context, script: Script) -> Result<Value> {
    Interpreter::new(ctx).run(&script).await
}
