//! Named events, which runs and systems that you control send.

use crate::context::Context;
use crate::contract::events as contract;
use crate::error::Result;
use crate::operation::Operation;
use crate::payload::{IntoPayload, Payload};
use crate::time::{IntoDuration, contract_millis};

impl Context {
    /// Returns the event of this name, to wait for or to send.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let paid = ctx.event("order-paid");
    /// # }
    /// ```
    pub fn event(&self, name: impl Into<String>) -> Event {
        let name = name.into();
        Event {
            step: name.clone(),
            name,
        }
    }
}

/// A named event.
///
/// An event that is sent to all runs reaches those that wait for it at that moment, and is not
/// kept. If a message must not be lost, use a webhook, or [name the run](Event::notify_run).
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let released = ctx.event("release");
/// let version: String = released.wait().await.json()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Event {
    name: String,
    step: String,
}

impl Event {
    /// Returns the same event with this step name for its operations, instead of the event's name.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// ctx.event("tick").named("second tick").wait().await;
    /// # }
    /// ```
    #[must_use]
    pub fn named(&self, step: impl Into<String>) -> Self {
        Self {
            name: self.name.clone(),
            step: step.into(),
        }
    }

    /// Waits for the next event of this name, without a time limit.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let order: u64 = ctx.event("order-paid").wait().await.json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self) -> Operation<Payload> {
        let Self { name, step } = self.clone();
        Operation::new(async move {
            match contract::wait_for_event(step, name, None).await {
                Some(payload) => Payload::from_contract(payload),
                None => unreachable!("a wait without a timeout ends with an event"),
            }
        })
    }

    /// Waits for the next event of this name, for at most this long. Returns `None` when the time
    /// is over.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// if ctx.event("order-paid").wait_timeout("14d").await.is_none() {
    ///     ctx.warn("not paid within two weeks");
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_timeout(&self, timeout: impl IntoDuration) -> Operation<Option<Payload>> {
        let (Self { name, step }, millis) = (self.clone(), contract_millis(timeout));
        Operation::new(async move {
            let payload = contract::wait_for_event(step, name, Some(millis)).await;
            payload.map(Payload::from_contract)
        })
    }

    /// Sends the event to every wait that is open for it, and returns the number of these waits.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let reached = ctx.event("release").notify("1.2.0").await?;
    /// ctx.info(format_args!("{reached} runs were waiting"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify(&self, payload: impl IntoPayload) -> Operation<Result<u32>> {
        self.send(None, payload.into_payload())
    }

    /// Sends the event to one run, which keeps it for its next wait. Returns 0 if that run is
    /// unknown, has ended, or can keep no more events.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, parent: &str) -> Result<()> {
    /// ctx.event("part-done").notify_run(parent, &json!({ "part": 3 })).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify_run(
        &self,
        run: impl Into<String>,
        payload: impl IntoPayload,
    ) -> Operation<Result<u32>> {
        self.send(Some(run.into()), payload.into_payload())
    }

    fn send(&self, run: Option<String>, payload: Result<Payload>) -> Operation<Result<u32>> {
        let Self { name, step } = self.clone();
        Operation::new(async move {
            let payload = payload?.into_contract();
            Ok(contract::notify(step, name, run, payload).await)
        })
    }
}
