//! Bringing a run back into memory: its frontier from the store, its instance by replaying its journal.

use std::sync::Arc;

use dormouse_engine::{Instance, Launch, RunContext};
use dormouse_journal::{Frontier, Payload, Status};
use dormouse_store::RunView;

use crate::foretold::Arrivals;
use crate::live::LiveRun;
use crate::runner::Turn;
use crate::runtime::{Core, Cpu};
use crate::trouble::Trouble;

/// A longer journal takes longer to replay than others are to wait for what follows.
const REPLAYED_WHILE_HELD: u32 = 250;

impl Core {
    /// Brings a run into memory if it has something to do.
    pub(crate) async fn load(
        self: &Arc<Self>,
        turn: &mut Turn,
    ) -> Result<Option<Box<LiveRun>>, Trouble> {
        let (view, frontier, input) = match turn.foretold.fresh.take() {
            Some(fresh) => (fresh.view, Frontier::new(), Some(fresh.input)),
            None => match self.recall(turn)? {
                Some((view, frontier)) => (view, frontier, None),
                None => return Ok(None),
            },
        };
        if view.state.activations > REPLAYED_WHILE_HELD {
            turn.hold = None;
        }
        let Some(permit) = self.slots.permit().await else {
            return Ok(None);
        };
        let instance = self.replay(&view, input).await?;
        Ok(Some(Box::new(LiveRun {
            instance,
            frontier,
            next: view.state.activations,
            time: view.state.time,
            journal_bytes: view.state.journal_bytes,
            _permit: permit,
        })))
    }

    /// What the store knows about a run that has something to do.
    fn recall(&self, turn: &mut Turn) -> Result<Option<(RunView, Frontier)>, Trouble> {
        let run = turn.run;
        let snapshot = self.store.read()?;
        let Some(view) = snapshot.view(run)? else {
            return Ok(None);
        };
        if view.state.status.has_ended() || view.state.status == Status::Blocked {
            return Ok(None);
        }
        let open = snapshot.open(run, usize::MAX)?;
        let mut frontier = Frontier::restore(open, view.state.operations);
        if view.state.activations > 0 {
            check(
                &mut Arrivals::new(&self.store, run, &mut turn.foretold),
                &mut frontier,
            )?;
            if frontier.next(self.clock.now()).is_none() {
                // Woken for nothing, or for an arrival that no wait may have. Not worth an instance.
                self.timers.hint(frontier.next_deadline());
                return Ok(None);
            }
        }
        Ok(Some((view, frontier)))
    }

    /// A new instance, brought to where the journal ends. The input is looked up if it is not given.
    pub(crate) async fn replay(
        &self,
        view: &RunView,
        input: Option<Payload>,
    ) -> Result<Instance, Trouble> {
        let program = self.programs.get(view.run.version).await?;
        let limits = &self.settings.limits;
        let snapshot = self.store.read()?;
        let input = match input {
            Some(input) => input,
            None => snapshot.input(view.id)?.unwrap_or_default(),
        };
        let launch = Launch {
            context: RunContext {
                id: view.id,
                workflow: view.run.workflow.clone(),
                version: view.run.version,
                started: view.run.created,
                headers: view.run.headers.clone(),
            },
            input,
            key: view.run.key,
            limits: view.run.limits,
            allowance: limits.allowance.clone(),
            urls: self.urls.clone(),
            cpu: Arc::new(Cpu(self.clock.clone())),
            rebuild_after_step: self.settings.rebuild_after_step,
            logged: usize::try_from(view.state.log_bytes).unwrap_or(usize::MAX),
        };
        let mut instance = program.launch(launch)?;
        if view.state.activations > 0 {
            for activation in snapshot.journal(view.id, 0)? {
                instance.replay(activation?).await?;
            }
        }
        Ok(instance)
    }
}

/// Looks up every channel that the frontier wants to know about.
pub(crate) fn check(arrivals: &mut Arrivals<'_>, frontier: &mut Frontier) -> Result<(), Trouble> {
    while let Some(channel) = frontier.unchecked().cloned() {
        let head = arrivals.head(&channel)?;
        frontier.found(channel, head);
    }
    Ok(())
}
