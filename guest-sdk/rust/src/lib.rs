//! Durable workflows for Dormouse, in Rust.
//!
//! A workflow is an `async fn` with the attribute [`#[workflow]`](macro@workflow). It takes a [`Context`] and an input,
//! and returns a [`Result`]. Input and output are `serde` types, and are sent as JSON. A workflow may wait for a year,
//! and then continues at the line where it waited, even if the host was restarted in between.
//!
//! ```standalone_crate
//! use dormouse_sdk::prelude::*;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Input {
//!     service_url: String,
//! }
//!
//! /// Hands a job to a service and collects the updates that it sends until the job is done.
//! #[workflow]
//! async fn progress(ctx: Context, input: Input) -> Result<Vec<Value>> {
//!     let hook = ctx.webhook("progress").create();
//!     let job = json!({ "webhookUrl": hook.url() });
//!     ctx.post(input.service_url).json(&job).send("start job").await?.error_for_status()?;
//!
//!     let mut updates = Vec::new();
//!     while let Some(update) = hook.wait_timeout(minutes(5)).await {
//!         updates.push(update.json()?);
//!         if update.header("x-task-finished") == Some("true") {
//!             break;
//!         }
//!     }
//!     Ok(updates)
//! }
//! ```
//!
//! # Overview
//!
//! | to | use |
//! |---|---|
//! | be called by another system | [`ctx.webhook`](Context::webhook), [`Webhook`] |
//! | call another system | [`ctx.post`](Context::post) and its like, [`Call`] |
//! | wait for a time | [`ctx.sleep`](Context::sleep), [`ctx.sleep_until`](Context::sleep_until) |
//! | speak with other runs | [`ctx.event`](Context::event), [`Event`] |
//! | compute something once | [`ctx.step`](Context::step) |
//! | know the time, draw a random number | [`ctx.now`](Context::now), [`ctx.uuid`](Context::uuid), … |
//! | do several things at once | [`join!`], [`join_all`], [`join_all_limited`], [`try_join_all`] |
//! | do more things as others end | [`TaskSet`] |
//! | take what comes first | [`select!`], [`select_all`], [`timeout`] |
//!
//! # Rules
//!
//! When the host has restarted, it runs a workflow again from its start, and every operation returns the same result as
//! before. So the workflow must do the same again, and may get values that could differ only through the context. On
//! `wasm32-unknown-unknown` the standard library has no clock: `SystemTime::now()` panics, and `println!` writes
//! nowhere. Use [`ctx.now`](Context::now) and [`ctx.info`](Context::info) instead. On `wasm32-wasip2` the clocks show
//! the run's time, and printed text goes to the run's log. There are no threads and no files.
//!
//! The order of a `HashMap` or `HashSet` is the same in a rebuilt run, unless maps are made within a
//! [step](Context::step), which a rebuilt run skips. The order of a `BTreeMap` is always the same.
//!
//! An operation [begins when it is first awaited](Operation), and is given up when it is dropped.
//!
//! # Bodies
//!
//! The functions `json`, `text` and `form` of a [`Delivery`] and a [`Response`] undo the body's `Content-Encoding`:
//! gzip, deflate, br and zstd, up to [`DECODED_LIMIT`]. The field `body` has the bytes as they were received. All these
//! functions, also those of a [`Payload`], accept a byte order mark of UTF-8.
//!
//! The decoders add about 340 KiB to a component of 210 KiB: 50 for the feature `gzip`, which also reads deflate, 195
//! for `br` and 100 for `zstd`. All are enabled by default. A crate that needs fewer of them sets `default-features =
//! false` and, for example, `features = ["gzip"]`. A body in another encoding is then an error that names the feature.
//!
//! # How a run fails
//!
//! An [`Err`] becomes the run's failure, with the [`Error`]'s code and message. An error of your own keeps its code if
//! it implements [`WorkflowError`]. [`or_fail`](OrFail::or_fail) gives any other error a code. A panic fails the run
//! with its message and its place in the source. An input of the wrong shape fails the run with the code
//! `invalid-input` and the name of the field.
//!
//! # How to build
//!
//! The crate is a `cdylib`, built for `wasm32-unknown-unknown` in release mode. The host accepts the resulting module
//! as it is.

mod bindings;
mod call;
mod call_error;
mod concurrency;
mod content_encoding;
mod context;
mod contract;
mod entry;
mod error;
mod events;
mod field_path;
mod generations;
mod group;
mod headers;
mod http;
#[cfg(not(target_family = "wasm"))]
mod native;
mod operation;
mod or_fail;
mod payload;
mod response;
mod retry;
mod runs;
mod secret_value;
mod steps;
mod task_set;
#[cfg(not(target_family = "wasm"))]
pub mod test;
#[cfg(test)]
mod test_futures;
mod text_marks;
mod time;
mod timers;
mod unaltered;
mod url_encoded;
mod webhook_builder;
mod webhooks;
mod workflow_error;

pub use crate::call::Call;
pub use crate::call_error::CallError;
pub use crate::concurrency::{join_all, join_all_limited, select_all, try_join_all};
pub use crate::content_encoding::DECODED_LIMIT;
pub use crate::context::{Context, Run, TriggerRequest};
pub use crate::error::{Error, Result};
pub use crate::events::Event;
pub use crate::generations::ContinueAsNew;
pub use crate::headers::Headers;
pub use crate::operation::Operation;
pub use crate::or_fail::OrFail;
pub use crate::payload::{FromPayload, IntoPayload, Payload};
pub use crate::response::Response;
pub use crate::retry::RetryPolicy;
pub use crate::runs::{OtherRun, RunOutcome, Start};
pub use crate::secret_value::SecretValue;
pub use crate::task_set::TaskSet;
pub use crate::time::{Instant, IntoDuration, days, hours, millis, minutes, seconds, weeks};
pub use crate::timers::timeout;
pub use crate::webhook_builder::{Handshake, Signature, WebhookBuilder};
pub use crate::webhooks::{Delivery, Webhook};
pub use crate::workflow_error::WorkflowError;

/// Makes an `async fn` the workflow of its crate.
///
/// The function takes a [`Context`] and an input ([`FromPayload`]), and returns a `Result` of an
/// output ([`IntoPayload`]) and an error that converts into [`Error`], such as one that implements
/// [`WorkflowError`]. A crate has one workflow.
///
/// A workflow that needs no input takes only a [`Context`]. The input with which its runs are started is ignored.
///
/// ```standalone_crate
/// use dormouse_sdk::prelude::*;
///
/// #[workflow]
/// async fn nightly(ctx: Context) -> Result<()> {
///     ctx.post("https://example.com/clean-up").send("clean up").await?.error_for_status()?;
///     Ok(())
/// }
/// ```
///
/// ```standalone_crate
/// use dormouse_sdk::prelude::*;
///
/// #[workflow]
/// async fn greet(ctx: Context, name: String) -> Result<String> {
///     ctx.sleep("take a breath", seconds(1)).await;
///     Ok(format!("Hello, {name}!"))
/// }
/// ```
pub use dormouse_sdk_macros::workflow;

/// Awaits the first of several futures, and runs its handler.
///
/// The arms are those of a `match` with a future before each arrow. The futures are polled in the order in which they
/// are written, so that the first wins if two are ready. The others are dropped before the handler runs, so that a
/// request which a lost wait would have taken goes to the next wait. To keep a future, await it by reference, as
/// [`Operation`] shows.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let (approve, reject) = (ctx.webhook("approve").create(), ctx.webhook("reject").create());
/// let decision = select! {
///     _ = approve.wait() => "approved",
///     request = reject.wait() => {
///         ctx.info(request.text()?);
///         "rejected"
///     }
///     _ = ctx.sleep("deadline", days(7)) => "expired",
/// };
/// # Ok(())
/// # }
/// ```
pub use dormouse_sdk_macros::select;

/// Awaits all of several futures, and returns a tuple of their outputs.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let (price, stock) = join!(
///     ctx.get("https://example.com/price").send("price"),
///     ctx.get("https://example.com/stock").send("stock"),
/// );
/// let (price, stock): (f64, u32) = (price?.json()?, stock?.json()?);
/// # Ok(())
/// # }
/// ```
pub use dormouse_sdk_macros::join;

/// The crate that reads and writes JSON, in the version that this crate uses.
///
/// ```
/// let value = dormouse_sdk::serde_json::json!([1, 2]);
/// ```
pub use serde_json;

#[doc(no_inline)]
pub use serde_json::{Value, json};

/// The items that most workflows use: `use dormouse_sdk::prelude::*;`
///
/// ```
/// use dormouse_sdk::prelude::*;
///
/// async fn nap(ctx: Context) {
///     ctx.sleep("nap", minutes(20)).await;
/// }
/// ```
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{
        CallError, Context, Delivery, Error, Event, Handshake, Instant, IntoDuration, Operation,
        OrFail, OtherRun, Payload, Response, Result, RetryPolicy, RunOutcome, SecretValue,
        Signature, TaskSet, Value, Webhook, WorkflowError, days, hours, join, join_all,
        join_all_limited, json, millis, minutes, seconds, select, select_all, span, timeout,
        try_join_all, weeks, workflow,
    };
}

/// The items that the macros' output names. They are not for use by hand, and may change at any time.
#[doc(hidden)]
pub mod __private {
    pub use crate::bindings::*;
    pub use crate::entry::{Outcome, begin, read_input, settle};
    pub use crate::time::parse_span;
}
