//! Repairs: retries broken runs, and moves runs to another version of their workflow.
//!
//! A run gets other code only if that code repeats the run's journal. To find out, the journal is replayed against the
//! code without effects, while the run goes on. Then one small commit changes the run, if the run has made no activation
//! since.

use std::collections::BTreeSet;
use std::sync::Arc;

use dormouse_engine::WASM_STACK;
use dormouse_journal::{
    Arguments, GuestLimits, Kind, Mismatch, OperationNumber, RunId, Side, Status, VersionId,
};
use dormouse_limits::Limits;
use dormouse_store::{PausedBy, Repair, Repaired, Resumed, RunView, Store};

use crate::Unavailable;
use crate::bad_step::BadStep;
use crate::calls::Calls;
use crate::decisions;
use crate::execution_error::ExecutionError;
use crate::hint::Hint;
use crate::orders::Orders;
use crate::preparing::{RetriedWithRun, RunsInPreparation, TakeBackSummary};
use crate::replay::Replay;
use crate::slots::Slots;
use crate::wake::Wake;

/// How many times a repair is begun. It is begun again if the run made another activation while its journal was replayed.
pub(crate) const MOST_TRIES: u32 = 5;

/// The codes of failures that another setting of the host may prevent, so that a retry may help without other code.
pub(crate) const LIMITS: [&str; 3] = ["limit", "cpu-limit", "memory-limit"];

/// The options of a retry.
#[derive(Debug, Clone, Default)]
pub struct Retry {
    /// The version to continue on. None for the current version of the workflow if it repeats the journal, otherwise
    /// the run's own.
    pub version: Option<VersionId>,
    /// True to retry even if the run would break or fail again, or if the run that started it was told of its failure.
    pub anyway: bool,
    /// The step before whose answer the run is taken back: the last step of this name, or the operation of this number.
    pub from: Option<String>,
    /// True to return only what would be done.
    pub dry_run: bool,
    /// True if the run that started this run is retried after it.
    pub is_of_parent: bool,
    /// The runs that the same command has retried because others wait for them.
    pub retried_with_run: Arc<RetriedWithRun>,
}

/// The options of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// The version to move the run to.
    pub version: VersionId,
    /// The version that the run must be on, if any.
    pub from: Option<VersionId>,
    /// True to return only what would be done.
    pub dry_run: bool,
}

/// The result of a repair.
#[derive(Debug, Clone, PartialEq)]
pub struct RepairedRun {
    /// The status of the run.
    pub status: Status,
    /// The version that the run goes on with.
    pub version: VersionId,
    /// What is still paused, so that the run does not go on.
    pub paused: Option<PausedBy>,
    /// Where the current version of the workflow does not repeat the run's journal, if it was not used for that reason.
    pub differs: Option<Box<Mismatch>>,
    /// The consequences, if the run is taken back.
    pub back: Option<Box<TakeBackSummary>>,
}

/// Why a run was not repaired.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RepairError {
    /// There is no such run.
    #[error("there is no such run")]
    UnknownRun,
    /// The workflow of the run has no such version.
    #[error("the workflow {workflow:?} has no such version")]
    UnknownVersion {
        /// The workflow.
        workflow: String,
    },
    /// The run is not blocked and has not failed.
    #[error("the run is {0}, and only a blocked or failed run can be retried")]
    NotBlocked(Status),
    /// The run itself is not paused, but something above it is.
    #[error("the run itself is not paused, but {} is", match by {
        PausedBy::Workflow => format!("its workflow {workflow:?}"),
        PausedBy::Above(run) => format!("run {run}, with which it ends,"),
        _ => "the host".into(),
    })]
    PausedAbove {
        /// What is paused.
        by: PausedBy,
        /// The run's workflow.
        workflow: String,
    },
    /// The run has ended.
    #[error("the run has {}", .0.after_has())]
    Ended(Status),
    /// The run is on another version than the one that it is to be moved from.
    #[error("the run is on version {0}")]
    OtherVersion(VersionId),
    /// The run has failed and can be retried, and so cannot be moved without that.
    #[error("the run has failed")]
    Failed,
    /// The same code would break in the same way.
    #[error("the run would break again with {code}: neither its code nor its limits have changed")]
    SameAgain {
        /// The failure's code.
        code: String,
    },
    /// The same code would get the same results, and fail in the same way.
    #[error(
        "the run would fail again with {code}: it would get the same results, and neither its code nor its limits have changed"
    )]
    SameAnswers {
        /// The failure's code.
        code: String,
        /// The steps that had a bad answer before, the last ones first.
        bad: Vec<BadStep>,
    },
    /// A call may be sent only once, and it is not known whether it arrived.
    #[error("the call {step:?} may be sent only once, and it is not known whether it arrived")]
    AtMostOnce {
        /// The operation of the call.
        operation: OperationNumber,
        /// The step name of the call.
        step: String,
    },
    /// The run that started this run was told of its failure, and has not failed itself.
    #[error(
        "run {parent} started this run, was told of its failure, and goes on or has ended in another way"
    )]
    FailureTold {
        /// The run that started it.
        parent: RunId,
    },
    /// A run that was started because of this run's failure has not ended.
    #[error("{}", match handler {
        Some(handler) => format!("run {handler}, which was started because of this run's failure, has not ended"),
        None => "the run that is started because of this run's failure has not begun".into(),
    })]
    HandlerRunning {
        /// The id of that run. None if it is about to be started.
        handler: Option<RunId>,
    },
    /// The run has made no such step.
    #[error("the run has made no step {step:?} in this generation")]
    UnknownStep {
        /// The name or the number that was asked for.
        step: String,
        /// The last steps that the run has made, the newest first.
        last: Vec<String>,
    },
    /// The step has no result.
    #[error("the step {step:?} (operation {operation}) has no result yet")]
    Unanswered {
        /// The operation of the step.
        operation: OperationNumber,
        /// The step name.
        step: String,
        /// The last steps that the run has made, the newest first.
        last: Vec<String>,
    },
    /// The journal does not say where the run's results came from.
    #[error(
        "an earlier version of the host wrote a part of the journal that would be set aside, and did not record where its results came from"
    )]
    RecordsTooOld,
    /// The run was taken back too often.
    #[error("the run was taken back as often as is allowed")]
    TakenBackTooOften,
    /// A run that this run started and waits for was cancelled, given up or removed.
    #[error("run {child}, which it started and waits for, cannot be retried any more")]
    ChildGone {
        /// The id of the started run.
        child: RunId,
        /// The status of the started run. None if it was removed.
        status: Option<Status>,
    },
    /// A run that this run started and waits for cannot be retried.
    #[error("run {child}, which it started and waits for, must be retried first: {error}")]
    Child {
        /// The id of the started run.
        child: RunId,
        /// The reason.
        error: Box<RepairError>,
    },
    /// The version does not repeat the run's journal.
    #[error(transparent)]
    Differs(Box<Mismatch>),
    /// The run had moved on each time it was looked at.
    #[error("the run is busy")]
    Busy,
    /// The version cannot be executed.
    #[error("the version cannot be executed: {0}")]
    Unusable(String),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Repairs runs.
pub(crate) struct Repairs {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) replay: Arc<Replay>,
    pub(crate) slots: Arc<Slots>,
    pub(crate) wake: Wake,
    pub(crate) limits: Arc<Limits>,
    pub(crate) calls: Arc<Calls>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) preparing: RunsInPreparation,
}

/// The code with which a run continues.
pub(crate) struct ChosenVersion {
    pub(crate) version: VersionId,
    pub(crate) differs: Option<Box<Mismatch>>,
}

impl From<ExecutionError> for RepairError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Mismatch(mismatch) => RepairError::Differs(mismatch),
            ExecutionError::Block(failure) | ExecutionError::Broke(failure, _) => {
                RepairError::Unusable(failure.message)
            }
            ExecutionError::Retry(reason) => RepairError::Unusable(reason),
            ExecutionError::OutOfMemory | ExecutionError::NoInstanceSlot => RepairError::Busy,
        }
    }
}

impl Repairs {
    /// Retries a blocked or failed run.
    pub(crate) async fn retry(
        &self,
        run: RunId,
        retry: &Retry,
    ) -> Result<RepairedRun, RepairError> {
        if let Some(from) = &retry.from {
            return self.take_back(run, from, retry).await;
        }
        for _ in 0..MOST_TRIES {
            let view = self.view(run).await?;
            let status = view.state.status;
            if view.state.is_frozen() {
                return self.retry_failed(run, retry).await;
            }
            if status.has_ended() {
                return Err(RepairError::Ended(status));
            }
            if status != Status::Blocked {
                return Err(RepairError::NotBlocked(status));
            }
            let choice = self.choose(&view, retry.version, &BTreeSet::new()).await?;
            if choice.version == view.run.version && !retry.anyway {
                self.refuse_same_again(&view)?;
            }
            if let Some(repaired) = self.repair(&view, choice, true, retry.dry_run).await? {
                return Ok(repaired);
            }
        }
        Err(RepairError::Busy)
    }

    /// Moves a run to another version.
    pub(crate) async fn move_to(
        &self,
        run: RunId,
        asked: Move,
    ) -> Result<RepairedRun, RepairError> {
        let Move {
            version,
            from,
            dry_run,
        } = asked;
        for _ in 0..MOST_TRIES {
            let view = self.view(run).await?;
            if from.is_some_and(|from| from != view.run.version) {
                return Err(RepairError::OtherVersion(view.run.version));
            }
            if view.state.is_frozen() {
                return Err(RepairError::Failed);
            }
            if view.state.status.has_ended() {
                return Err(RepairError::Ended(view.state.status));
            }
            let choice = self.choose(&view, Some(version), &BTreeSet::new()).await?;
            if let Some(repaired) = self.repair(&view, choice, false, dry_run).await? {
                return Ok(repaired);
            }
        }
        Err(RepairError::Busy)
    }

    /// Replays a run's journal against a version that need not be deployed, without effects. Returns the run's status.
    pub(crate) async fn check(
        &self,
        run: RunId,
        version: VersionId,
    ) -> Result<Status, RepairError> {
        let view = self.view(run).await?;
        let status = view.state.status;
        if status.has_ended() {
            return Err(RepairError::Ended(status));
        }
        match self.difference(&view, version, &BTreeSet::new()).await? {
            None => Ok(status),
            Some(mismatch) => Err(RepairError::Differs(mismatch)),
        }
    }

    pub(crate) async fn view(&self, run: RunId) -> Result<RunView, RepairError> {
        let shown = self.store.show(run, 0).await.map_err(Unavailable::from)?;
        shown.map(|shown| shown.view).ok_or(RepairError::UnknownRun)
    }

    /// Returns the version that is asked for, if it repeats the run's journal. If none is asked for, returns the
    /// current version of the workflow if that repeats the journal, otherwise the run's own. The arguments of the
    /// operations that are done again may differ.
    pub(crate) async fn choose(
        &self,
        view: &RunView,
        asked: Option<VersionId>,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<ChosenVersion, RepairError> {
        let name = &view.run.workflow;
        let workflow = self.store.workflow(name.clone()).await;
        let workflow = workflow.map_err(Unavailable::from)?;
        if let Some(version) = asked {
            let versions = workflow.into_iter().flat_map(|workflow| workflow.versions);
            let mut ids = versions.map(|version| version.id);
            if !ids.any(|id| id == version) {
                return Err(RepairError::UnknownVersion {
                    workflow: name.clone(),
                });
            }
            if let Some(mismatch) = self.difference(view, version, again).await? {
                return Err(RepairError::Differs(mismatch));
            }
            return Ok(ChosenVersion {
                version,
                differs: None,
            });
        }
        let own = view.run.version;
        let current = workflow.map_or(own, |workflow| workflow.current);
        let differs = match current == own {
            true => None,
            false => self.difference(view, current, again).await?,
        };
        let version = if differs.is_some() { own } else { current };
        Ok(ChosenVersion { version, differs })
    }

    /// Returns the first difference between what the code does and the run's journal, if there is one.
    async fn difference(
        &self,
        view: &RunView,
        version: VersionId,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<Option<Box<Mismatch>>, RepairError> {
        match self.replay.agrees(view, version, again).await {
            Ok(()) => Ok(None),
            Err(ExecutionError::Mismatch(mut mismatch)) => {
                mismatch.kept = self.kept(view.id, &mismatch).await?;
                Ok(Some(mismatch))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the recorded arguments of the operation that the code did not repeat, if they are kept: the request of a
    /// call that has no result yet.
    async fn kept(
        &self,
        run: RunId,
        mismatch: &Mismatch,
    ) -> Result<Option<Box<Arguments>>, RepairError> {
        match &mismatch.expected {
            Side::Operation(operation) if matches!(operation.kind, Kind::Call { .. }) => {}
            _ => return Ok(None),
        }
        let call = self.store.call(run, mismatch.number).await;
        let call = call.map_err(Unavailable::from)?;
        Ok(call.map(|call| Box::new(decisions::arguments(call))))
    }

    /// Refuses a run whose code would break again because nothing has changed.
    fn refuse_same_again(&self, view: &RunView) -> Result<(), RepairError> {
        let Some(failure) = &view.state.failure else {
            return Ok(());
        };
        if !view.state.is_broken || LIMITS.contains(&failure.code.as_str()) {
            return Ok(());
        }
        Err(RepairError::SameAgain {
            code: failure.code.clone(),
        })
    }

    /// Changes the run, if it has made no activation since it was read. Otherwise returns none.
    async fn repair(
        &self,
        view: &RunView,
        choice: ChosenVersion,
        is_retry: bool,
        dry_run: bool,
    ) -> Result<Option<RepairedRun>, RepairError> {
        let ChosenVersion { version, differs } = choice;
        let repaired = |status| RepairedRun {
            status,
            version,
            paused: view.paused.map(|pause| pause.by),
            differs,
            back: None,
        };
        if dry_run {
            return Ok(Some(repaired(view.state.status)));
        }
        let run = view.id;
        let repair = Repair {
            run,
            activations: view.state.activations,
            tries: view.state.tries,
            version: Some(version),
            limits: GuestLimits {
                memory: self.limits.memory,
                stack: WASM_STACK as u64,
            },
            is_retry,
        };
        match self.store.repair(repair).await.map_err(Unavailable::from)? {
            Repaired::Now(status) => {
                tracing::info!(%run, %version, is_retry, "a run goes on with this version");
                self.slots.forget(run);
                self.wake.wake(run, Hint::Anything);
                Ok(Some(repaired(status)))
            }
            Repaired::Moved => Ok(None),
            Repaired::NotBlocked(status) => Err(RepairError::NotBlocked(status)),
            Repaired::Ended(status) => Err(RepairError::Ended(status)),
            Repaired::Unknown => Err(RepairError::UnknownRun),
        }
    }

    /// Executes a run again that is blocked because the host could not execute it, without changing it. A run whose code broke is
    /// retried.
    pub(crate) async fn resume(&self, run: RunId) -> Result<RepairedRun, RepairError> {
        match self.store.resume(run).await.map_err(Unavailable::from)? {
            Resumed::Now => {
                self.wake.wake(run, Hint::Anything);
                self.unchanged(run).await
            }
            Resumed::Broken => self.retry(run, &Retry::default()).await,
            Resumed::NotBlocked(status) => Err(RepairError::NotBlocked(status)),
            Resumed::Unknown => Err(RepairError::UnknownRun),
        }
    }

    /// Returns the result of a repair that did not change the run.
    pub(crate) async fn unchanged(&self, run: RunId) -> Result<RepairedRun, RepairError> {
        let view = self.view(run).await?;
        Ok(RepairedRun {
            status: view.state.status,
            version: view.run.version,
            paused: view.paused.map(|pause| pause.by),
            differs: None,
            back: None,
        })
    }
}
