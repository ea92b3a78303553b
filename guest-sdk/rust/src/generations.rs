//! Runs without an end. Each generation of such a run begins with an input and an empty journal.

use std::fmt;

use crate::context::Context;
use crate::contract::runs as contract;
use crate::error::Result;
use crate::payload::{IntoPayload, Payload};
use crate::webhooks::Webhook;

impl Context {
    /// Ends this generation of the run, to begin the next one: the workflow is called again, with
    /// this input and an empty journal. A workflow without an end should do this from time to time,
    /// well before it has made as many operations as a run may make.
    ///
    /// The run keeps its id, its children and the webhooks that are passed to
    /// [`keep`](ContinueAsNew::keep). Its open waits are given up, and calls that were not awaited
    /// are not sent.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// #[workflow]
    /// async fn counter(ctx: Context, count: u64) -> Result<Value> {
    ///     let next = ctx.kept_webhook("next").unwrap_or_else(|| ctx.webhook("next").create());
    ///     next.wait().await;
    ///     ctx.info(format_args!("{count} before this one"));
    ///     ctx.continue_as_new(count + 1).keep(&next).begin()
    /// }
    /// ```
    pub fn continue_as_new(&self, input: impl IntoPayload) -> ContinueAsNew {
        ContinueAsNew {
            input: input.into_payload(),
            options: contract::ContinueOptions {
                keep: Vec::new(),
                on_current_version: false,
                settings: Vec::new(),
            },
        }
    }

    /// Returns the webhook with this step name that the previous generation has kept. Returns
    /// `None` in the first generation.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let plan = ctx.kept_webhook("plan").unwrap_or_else(|| ctx.webhook("plan").create());
    /// # }
    /// ```
    pub fn kept_webhook(&self, step: &str) -> Option<Webhook> {
        let kept = contract::kept_webhooks().into_iter();
        let mut found = kept.filter(|kept| kept.step == step);
        found
            .next()
            .map(|kept| Webhook::from_contract(kept.step, kept.webhook))
    }

    /// Returns all webhooks that the previous generation has kept, in the order in which they were
    /// created.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// for hook in ctx.kept_webhooks() {
    ///     hook.close();
    /// }
    /// # }
    /// ```
    pub fn kept_webhooks(&self) -> Vec<Webhook> {
        let kept = contract::kept_webhooks().into_iter();
        kept.map(|kept| Webhook::from_contract(kept.step, kept.webhook))
            .collect()
    }
}

/// The next generation of a run. [`Context::continue_as_new`] creates this value, and
/// [`begin`](ContinueAsNew::begin) begins the generation.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, plan: Webhook) -> Result<()> {
/// ctx.continue_as_new("basic").keep(&plan).on_current_version().begin()
/// # }
/// ```
#[must_use = "a generation begins with `begin`"]
pub struct ContinueAsNew {
    input: Result<Payload>,
    options: contract::ContinueOptions,
}

impl ContinueAsNew {
    /// Keeps this webhook open, with the requests that were sent to it and not taken. Webhooks that
    /// are not kept are closed.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, plan: Webhook, stop: Webhook) -> Result<()> {
    /// ctx.continue_as_new("basic").keep(&plan).keep(&stop).begin()
    /// # }
    /// ```
    pub fn keep(mut self, webhook: &Webhook) -> Self {
        self.options.keep.push(webhook.id().into());
        self
    }

    /// Makes the next generation use the current version of the workflow, so that a later
    /// deployment reaches this run. By default, a run keeps its version.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.continue_as_new(()).on_current_version().begin()
    /// # }
    /// ```
    pub fn on_current_version(mut self) -> Self {
        self.options.on_current_version = true;
        self
    }

    /// Begins the next generation. It returns only if the input cannot be written, with that error.
    /// The type of the result is the one that the workflow returns.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<Value> {
    /// ctx.continue_as_new(()).begin()
    /// # }
    /// ```
    pub fn begin<T>(self) -> Result<T> {
        let input = self.input?.into_contract();
        contract::continue_as_new(&input, &self.options);
        unreachable!("the host stops a guest that continues as new")
    }
}

impl fmt::Debug for ContinueAsNew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueAsNew")
            .field("keep", &self.options.keep)
            .field("on_current_version", &self.options.on_current_version)
            .finish_non_exhaustive()
    }
}
