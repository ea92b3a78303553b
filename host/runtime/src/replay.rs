//! Brings a run back into memory: its frontier from the store, and its instance by replaying its journal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dormouse_engine::{
    CpuClock, EarlierWebhook, EarlierWebhooks, Effect, Instance, InstanceParts, Interruption,
    RunContext,
};
use dormouse_journal::{
    Beginning, Channel, Frontier, Head, Open, Operation, OperationNumber, Payload, Status,
    VersionId, WebhookNumber, generation_key,
};
use dormouse_limits::{Account, Limits};
use dormouse_seams::HostClock;
use dormouse_store::{RunToContinue, RunView, Store, WebhookView};

use crate::deadlines::Deadlines;
use crate::execution_error::ExecutionError;
use crate::large_work::LargeWork;
use crate::live::LiveRun;
use crate::memory::GuestMemory;
use crate::owner_state::{EarlyHeads, OwnerState};
use crate::pause_cache::PauseCache;
use crate::places::Places;
use crate::processors::Processors;
use crate::programs::Programs;
use crate::recorded::Recorded;
use crate::shares::Requester;
use crate::slots::Slots;
use crate::urls::WebhookUrls;
use dormouse_webhook::provider::Providers;

/// The longest journal, in activations, that is replayed while the store's group is held open. A longer replay would
/// delay other runs.
const REPLAYED_WHILE_HELD: u32 = 250;

/// Brings runs back into memory.
pub(crate) struct Replay {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: HostClock,
    pub(crate) slots: Arc<Slots>,
    pub(crate) places: Arc<Places>,
    pub(crate) programs: Arc<Programs>,
    pub(crate) deadlines: Arc<Deadlines>,
    pub(crate) urls: Arc<WebhookUrls>,
    pub(crate) providers: Providers,
    pub(crate) limits: Arc<Limits>,
    pub(crate) memory: Arc<GuestMemory>,
    pub(crate) turns: Arc<Processors>,
    pub(crate) large_work: LargeWork,
    pub(crate) pause_cache: Arc<PauseCache>,
    pub(crate) rebuild_after_step: bool,
}

/// What the store, or the start of the run, says about a run.
struct RunData {
    view: RunView,
    frontier: Frontier,
    /// None if the input must be looked up.
    input: Option<Payload>,
}

impl Replay {
    /// Brings a run into memory if it has something to do.
    pub(crate) async fn load(
        &self,
        state: &mut OwnerState,
    ) -> Result<Option<Box<LiveRun>>, ExecutionError> {
        let known = match state.take_start() {
            Some(start) if self.pause_cache.has_workflow(&start.view.run.workflow) => None,
            Some(start) => Some(RunData {
                view: start.view,
                frontier: Frontier::new(),
                input: Some(start.input),
            }),
            None => self.run_to_continue(state).await?,
        };
        let Some(RunData {
            view,
            frontier,
            input,
        }) = known
        else {
            return Ok(None);
        };
        if view.state.activations - view.state.first_activation > REPLAYED_WHILE_HELD {
            state.hold = None;
        }
        let workflow: Arc<str> = view.run.workflow.as_str().into();
        state.take_place(&self.places, &workflow).await;
        let Some(permit) = self.slots.permit().await else {
            return Ok(None);
        };
        let replaying = self.instance(&view, input);
        let (instance, account) = state.computing(replaying).await?;
        Ok(Some(Box::new(LiveRun {
            workflow,
            instance,
            account,
            frontier,
            generation: view.state.generation,
            next: view.state.activations,
            operations: view.state.operations,
            was_taken_back: !view.state.branches.is_empty(),
            has_begun: view.state.has_begun(),
            tries: view.state.tries,
            time: view.state.time,
            journal_bytes: view.state.journal_bytes,
            own_bytes: view.state.own_bytes(),
            is_keyed: view.run.trigger.as_ref().is_some_and(|by| by.key.is_some()),
            _permit: permit,
        })))
    }

    /// Returns what the store knows about a run that has something to do.
    async fn run_to_continue(&self, state: &OwnerState) -> Result<Option<RunData>, ExecutionError> {
        let Some(RunToContinue { view, open, heads }) =
            self.store.run_to_continue(state.run).await?
        else {
            return Ok(None);
        };
        if view.state.status.has_ended()
            || view.state.status == Status::Blocked
            || view.state.is_restoring
            || view.paused.is_some()
            || view.held_by.is_some()
        {
            return Ok(None);
        }
        let has_begun = view.state.has_begun();
        let size = open.len() * size_of::<Open>();
        let made = view.state.operations;
        let early = state.early_heads();
        let restoring = move || restored(open, made, has_begun.then_some((heads, early)));
        let mut frontier = self.large_work.compute(size, restoring).await;
        if has_begun {
            state.check(&*self.store, &mut frontier).await?;
            if frontier.next(self.clock.moment()).is_none() {
                // The run was woken for nothing, or for an arrival that no wait may take. That is not worth an
                // instance.
                self.deadlines
                    .hint(frontier.next_deadline(self.clock.moment()));
                return Ok(None);
            }
        }
        Ok(Some(RunData {
            view,
            frontier,
            input: None,
        }))
    }

    /// Replays a run's journal against a version of its workflow, without effects.
    ///
    /// # Errors
    /// [`ExecutionError::Mismatch`] if that version does not repeat the journal.
    pub(crate) async fn agrees(
        &self,
        view: &RunView,
        version: VersionId,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<(), ExecutionError> {
        self.done_again(view, version, again).await.map(drop)
    }

    /// Replays a run's journal against a version of its workflow, without effects. Returns the operations that are done
    /// again as that version makes them, and their effects.
    ///
    /// # Errors
    /// [`ExecutionError::Mismatch`] if that version does not repeat the journal.
    pub(crate) async fn done_again(
        &self,
        view: &RunView,
        version: VersionId,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<(Vec<(OperationNumber, Operation)>, Vec<Effect>), ExecutionError> {
        let requester = Requester {
            workflow: view.run.workflow.as_str().into(),
            run: view.id,
        };
        // Without a place, nothing could drop the instance of a run that falls asleep while this waits for room.
        let _place = self.places.take(&requester).await;
        let Some(_permit) = self.slots.permit().await else {
            return Err(ExecutionError::Retry("the host is stopping".into()));
        };
        let mut view = view.clone();
        view.run.version = version;
        let (mut instance, _) = self.replayed(&view, None, again).await?;
        Ok(instance.take_again())
    }

    /// Returns what the guest is called with in the run's present generation, and the state in which the generation
    /// begins. The input is looked up if it is not given.
    async fn beginning(
        &self,
        view: &RunView,
        input: Option<Payload>,
    ) -> Result<(Beginning, Payload), ExecutionError> {
        if view.state.generation > 0 {
            let missing = || ExecutionError::Retry("the input of its generation is missing".into());
            return self.store.generation(view.id).await?.ok_or_else(missing);
        }
        let input = match input {
            Some(input) => input,
            None => self.store.input(view.id).await?.unwrap_or_default(),
        };
        Ok((Beginning::default(), input))
    }

    /// Returns the webhooks that a run had in its present generation, if it was taken back. `first` is the number of
    /// the first one.
    async fn earlier(
        &self,
        view: &RunView,
        first: WebhookNumber,
    ) -> Result<EarlierWebhooks, ExecutionError> {
        let mut earlier = EarlierWebhooks::default();
        if view.state.branches.is_empty() {
            return Ok(earlier);
        }
        let webhooks = self.store.webhooks(view.id, usize::MAX).await?;
        for WebhookView {
            number, webhook, ..
        } in webhooks.into_iter().flatten()
        {
            if number < first {
                continue;
            }
            earlier.next = earlier.next.max(WebhookNumber(number.0.saturating_add(1)));
            if !webhook.closed {
                let (step, options) = (webhook.step, webhook.options);
                earlier.open.push_back(EarlierWebhook {
                    number,
                    step,
                    options,
                });
            }
        }
        Ok(earlier)
    }

    /// Returns a new instance that has replayed the whole journal, and the account of its memory. The input is looked up if it is
    /// not given.
    pub(crate) async fn instance(
        &self,
        view: &RunView,
        input: Option<Payload>,
    ) -> Result<(Instance, Arc<Account>), ExecutionError> {
        self.replayed(view, input, &BTreeSet::new()).await
    }

    /// Returns a new instance that has replayed the journal, except that these operations are done again.
    async fn replayed(
        &self,
        view: &RunView,
        input: Option<Payload>,
        again: &BTreeSet<OperationNumber>,
    ) -> Result<(Instance, Arc<Account>), ExecutionError> {
        let program = self.programs.get(view.run.version).await?;
        let (beginning, input) = self.beginning(view, input).await?;
        let beginning_at = beginning.first_webhook;
        let account = self.memory.account(&view.run.workflow);
        let limit = view.run.limits.memory;
        let (memory, held) = self.memory.reserve(view.id, limit, &account)?;
        let parts = InstanceParts {
            context: RunContext {
                id: view.id,
                workflow: view.run.workflow.clone(),
                version: view.run.version,
                started: view.run.created,
                headers: view.run.headers.clone(),
                request: match view.state.generation {
                    0 => view.run.trigger_request(),
                    _ => None,
                },
            },
            input,
            beginning,
            earlier: self.earlier(view, beginning_at).await?,
            key: generation_key(view.run.key, view.state.generation),
            limits: view.run.limits,
            host_limits: self.limits.clone(),
            memory,
            held,
            urls: self.urls.clone(),
            providers: self.providers.clone(),
            cpu: Arc::new(Cpu(self.clock.clone())),
            turns: self.turns.clone(),
            labels: view.run.labels.clone(),
            rebuild_after_step: self.rebuild_after_step,
            logged: usize::try_from(view.state.log_bytes).unwrap_or(usize::MAX),
        };
        let mut instance = program.launch(parts)?;
        instance.do_again(again.clone());
        let activations = view.state.first_activation..view.state.activations;
        let (store, run) = (&self.store, view.id);
        let mut recorded =
            Recorded::new(activations, |from, limit| store.journal(run, from, limit));
        while let Some(page) = recorded.next().await? {
            // The page stays in memory until it is replayed. Other guests that compute may delay that.
            instance.hold_records(page.bytes)?;
            for (number, activation) in (page.first..).zip(page.activations) {
                let replayed = instance.replay(activation).await;
                replayed.map_err(|interruption| within(number, interruption))?;
            }
        }
        instance.end_replay();
        Ok((instance, account))
    }
}

/// Returns the frontier of a run with these open operations, which has made this many operations in all. If the run has begun, the
/// frontier knows what is first in each channel.
fn restored(
    open: Vec<(OperationNumber, Open)>,
    made: u32,
    heads: Option<(Vec<(Channel, Head)>, EarlyHeads)>,
) -> Frontier {
    let mut frontier = Frontier::restore(open, made);
    if let Some((heads, early)) = heads {
        let mut heads = heads.into_iter().peekable();
        let channels: Vec<_> = frontier.unchecked().cloned().collect();
        for channel in channels {
            // Both are in the order of the channels.
            let head = heads.next_if(|(found, _)| *found == channel);
            early.found(&mut frontier, channel, head.map(|(_, head)| head));
        }
    }
    frontier
}

/// Adds the number of the activation to a mismatch.
fn within(number: u32, interruption: Interruption) -> Interruption {
    match interruption {
        Interruption::Mismatch(mut mismatch) => {
            mismatch.activation = Some(number);
            Interruption::Mismatch(mismatch)
        }
        other => other,
    }
}

/// The processor time for the engine, from the host's clock.
struct Cpu(HostClock);

impl CpuClock for Cpu {
    fn thread_time(&self) -> Duration {
        self.0.thread_time()
    }
}
