//! Other runs, which can be started, waited for and cancelled; and requests to cancel this run.

use std::future::IntoFuture;

use crate::context::Context;
use crate::contract::runs as contract;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::payload::{FromPayload, IntoPayload, Payload};
use crate::time::{IntoDuration, contract_millis};

impl Context {
    /// Returns a new run of a workflow. The run starts when this value is awaited, and is a child
    /// of this run.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let parcel = ctx.start("parcel", &json!({ "weight": 3 })).await?;
    /// ctx.info(format_args!("run {} sends it", parcel.id()));
    /// let tracking: String = parcel.output().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start(&self, workflow: impl Into<String>, input: impl IntoPayload) -> Start {
        let workflow = workflow.into();
        Start {
            step: workflow.clone(),
            workflow,
            input: input.into_payload(),
            options: contract::StartOptions {
                version: None,
                when_parent_ends: None,
                timeout: None,
                settings: Vec::new(),
            },
        }
    }

    /// Starts a run of a workflow, waits until it has ended, and returns its output.
    ///
    /// The error has the code with which the run failed, `cancelled` if the run was cancelled, or
    /// the code of the start if the run was not started.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let receipt: Value = ctx.invoke("charge", &json!({ "amount": 2400 })).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn invoke<T: FromPayload + 'static>(
        &self,
        workflow: impl Into<String>,
        input: impl IntoPayload,
    ) -> Operation<Result<T>> {
        let start = self.start(workflow, input);
        Operation::new(async move { start.await?.output().await })
    }

    /// Returns the run with this id, which was started before.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, other: String) -> Result<()> {
    /// match ctx.other_run(other).wait().await? {
    ///     RunOutcome::Completed(output) => ctx.info(output.text()?),
    ///     outcome => ctx.warn(format_args!("{outcome:?}")),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn other_run(&self, id: impl Into<String>) -> OtherRun {
        let id = id.into();
        OtherRun {
            step: id.clone(),
            id,
        }
    }

    /// Waits until someone asks this run to cancel, and returns the reason.
    ///
    /// A run that waits for nothing else is stuck, so wait for it and for the work at the same
    /// time, with `select!`.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, order: Webhook) {
    /// select! {
    ///     _ = order.wait() => ctx.info("shipped"),
    ///     reason = ctx.wait_for_cancel("cancelled") => ctx.warn(reason),
    /// }
    /// # }
    /// ```
    pub fn wait_for_cancel(&self, step: impl Into<String>) -> Operation<String> {
        let step = step.into();
        Operation::new(async move {
            match contract::wait_for_cancel(step, None).await {
                Some(reason) => reason,
                None => unreachable!("a wait without a timeout ends with a reason"),
            }
        })
    }

    /// Waits until someone asks this run to cancel, for at most this long, and returns the reason.
    /// With a timeout of 0, it returns at once.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// while ctx.wait_for_cancel_timeout("pause", minutes(5)).await.is_none() {
    ///     ctx.info("another round");
    /// }
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_for_cancel_timeout(
        &self,
        step: impl Into<String>,
        timeout: impl IntoDuration,
    ) -> Operation<Option<String>> {
        let (step, millis) = (step.into(), contract_millis(timeout));
        Operation::new(async move { contract::wait_for_cancel(step, Some(millis)).await })
    }
}

/// A run to be started. [`Context::start`] creates it, and it starts when it is awaited.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let mailer = ctx.start("mailer", "hello").leave().timeout("1h").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a run starts when it is awaited"]
pub struct Start {
    workflow: String,
    step: String,
    input: Result<Payload>,
    options: contract::StartOptions,
}

impl Start {
    /// Gives the operations this step name instead of the workflow's name.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.start("mailer", "hello").named("first mail").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn named(self, step: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            ..self
        }
    }

    /// Uses this version of the workflow instead of its current one.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let same = ctx.run().version;
    /// ctx.start(ctx.run().workflow, ()).version(same).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.options.version = Some(version.into());
        self
    }

    /// Lets the run go on when this one completes or is cancelled. By default, it is then asked to
    /// cancel.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.start("survey", "how was it?").leave().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn leave(mut self) -> Self {
        self.options.when_parent_ends = Some("leave".into());
        self
    }

    /// Sets the time after which the run is asked to cancel, with the reason `timeout`. It counts
    /// from the run's start.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// ctx.start("survey", "how was it?").timeout(days(3)).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.options.timeout = Some(contract_millis(timeout));
        self
    }

    /// Adds a label, `key:value`, by which people can find the run. It may be called again with
    /// other keys. An invalid label is an error of the start.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, order: u64) -> Result<()> {
    /// ctx.start("parcel", ()).label(format!("order:{order}")).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.options.settings.push(("label".into(), label.into()));
        self
    }
}

impl IntoFuture for Start {
    type Output = Result<OtherRun>;
    type IntoFuture = Operation<Result<OtherRun>>;

    fn into_future(self) -> Self::IntoFuture {
        Operation::new(async move {
            let input = self.input?.into_contract();
            let started =
                contract::start_run(self.step.clone(), self.workflow, input, self.options);
            match started.await {
                Ok(id) => Ok(OtherRun {
                    id,
                    step: self.step,
                }),
                Err(failure) => Err(Error::from_failure(failure)),
            }
        })
    }
}

/// Another run, to wait for or to cancel. It can be a run that this one started, a run below that
/// one, or a run of this run's own workflow.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) -> Result<()> {
/// let search = ctx.start("search", "lost parcel").await?;
/// if search.wait_timeout("1h").await?.is_none() {
///     search.cancel().await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherRun {
    id: String,
    step: String,
}

/// How another run ended.
///
/// ```
/// # use dormouse_sdk::{RunOutcome, Payload};
/// let outcome = RunOutcome::Completed(Payload::new("text/plain", "done"));
/// assert_eq!(outcome.into_result().unwrap().text().unwrap(), "done");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunOutcome {
    /// The run completed with this output.
    Completed(Payload),
    /// The run failed with this error.
    Failed(Error),
    /// The run was cancelled, for this reason.
    Cancelled(String),
    /// There is no such run, or no longer.
    Gone,
}

impl RunOutcome {
    /// Returns the output, or an error: that of the run, or one with the code `cancelled` or
    /// `gone`.
    ///
    /// ```
    /// # use dormouse_sdk::RunOutcome;
    /// let outcome = RunOutcome::Cancelled("timeout".into());
    /// assert_eq!(outcome.into_result().unwrap_err().code(), "cancelled");
    /// ```
    pub fn into_result(self) -> Result<Payload> {
        match self {
            Self::Completed(output) => Ok(output),
            Self::Failed(error) => Err(error),
            Self::Cancelled(reason) => Err(Error::new(
                "cancelled",
                format!("the run was cancelled: {reason}"),
            )),
            Self::Gone => Err(Error::new("gone", "there is no such run any more")),
        }
    }

    fn from_contract(outcome: contract::RunOutcome) -> Self {
        match outcome {
            contract::RunOutcome::Completed(output) => {
                Self::Completed(Payload::from_contract(output))
            }
            contract::RunOutcome::Failed(failure) | contract::RunOutcome::Other(failure) => {
                Self::Failed(Error::from_failure(failure))
            }
            contract::RunOutcome::Cancelled(reason) => Self::Cancelled(reason),
            contract::RunOutcome::Gone => Self::Gone,
        }
    }
}

impl OtherRun {
    /// Returns the id of the run, a UUID.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let id = ctx.start("mailer", "hello").await?.id().to_owned();
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the same run, with this step name for its operations.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(run: OtherRun) -> Result<()> {
    /// run.named("the end of the search").wait().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn named(&self, step: impl Into<String>) -> Self {
        Self {
            id: self.id.clone(),
            step: step.into(),
        }
    }

    /// Waits until the run has ended, and returns its outcome.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(run: OtherRun) -> Result<()> {
    /// let outcome = run.wait().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self) -> Operation<Result<RunOutcome>> {
        let ended = self.ended(None);
        Operation::new(async move {
            match ended.await? {
                Some(outcome) => Ok(outcome),
                None => unreachable!("a wait without a timeout ends with an outcome"),
            }
        })
    }

    /// Waits until the run has ended, for at most this long. Returns `None` when the time is over.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context, run: OtherRun) -> Result<()> {
    /// if run.wait_timeout(minutes(1)).await?.is_none() {
    ///     ctx.warn("it takes its time");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_timeout(
        &self,
        timeout: impl IntoDuration,
    ) -> Operation<Result<Option<RunOutcome>>> {
        self.ended(Some(contract_millis(timeout)))
    }

    /// Waits until the run has ended, and returns its output, or the run's own error if it failed.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(run: OtherRun) -> Result<()> {
    /// let total: u64 = run.output().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn output<T: FromPayload + 'static>(&self) -> Operation<Result<T>> {
        let wait = self.wait();
        Operation::new(async move { T::from_payload(wait.await?.into_result()?) })
    }

    /// Cancels the run at once. Returns true if the run existed and had not ended.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(run: OtherRun) -> Result<()> {
    /// run.cancel().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel(&self) -> Operation<Result<bool>> {
        self.cancelled(None, None)
    }

    /// Asks the run to cancel. [`Context::wait_for_cancel`] tells it the reason, and it has this
    /// much time to end by itself.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(run: OtherRun) -> Result<()> {
    /// run.ask_to_cancel("the customer changed their mind", "10m").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn ask_to_cancel(
        &self,
        reason: impl Into<String>,
        grace: impl IntoDuration,
    ) -> Operation<Result<bool>> {
        self.cancelled(Some(reason.into()), Some(contract_millis(grace)))
    }

    fn ended(&self, timeout: Option<u64>) -> Operation<Result<Option<RunOutcome>>> {
        let Self { id, step } = self.clone();
        Operation::new(async move {
            match contract::wait_for_run(step, id, timeout).await {
                Ok(outcome) => Ok(outcome.map(RunOutcome::from_contract)),
                Err(failure) => Err(Error::from_failure(failure)),
            }
        })
    }

    fn cancelled(&self, reason: Option<String>, grace: Option<u64>) -> Operation<Result<bool>> {
        let Self { id, step } = self.clone();
        Operation::new(async move {
            let options = contract::CancelOptions {
                grace,
                reason,
                settings: Vec::new(),
            };
            let cancelled = contract::cancel_run(step, id, options).await;
            cancelled.map_err(Error::from_failure)
        })
    }
}
