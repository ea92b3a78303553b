//! Bringing a run back into memory: its frontier from the store, its instance by replaying its journal.

use std::sync::Arc;

use dormouse_engine::{Instance, Launch, RunContext};
use dormouse_journal::{Frontier, RunId, Status};
use dormouse_store::{RunView, Snapshot};

use crate::live::LiveRun;
use crate::runtime::{Core, Cpu};
use crate::trouble::Trouble;

impl Core {
    /// Brings a run into memory if it has something to do.
    pub(crate) async fn load(
        self: &Arc<Self>,
        run: RunId,
    ) -> Result<Option<Box<LiveRun>>, Trouble> {
        let (view, frontier) = {
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
                check(&snapshot, run, &mut frontier)?;
                if frontier.next(self.clock.now()).is_none() {
                    // Woken for nothing, or for an arrival that no wait may have. Not worth an instance.
                    self.timers.hint(frontier.next_deadline());
                    return Ok(None);
                }
            }
            (view, frontier)
        };
        let Some(permit) = self.slots.permit().await else {
            return Ok(None);
        };
        let instance = self.replay(&view).await?;
        Ok(Some(Box::new(LiveRun {
            instance,
            frontier,
            next: view.state.activations,
            time: view.state.time,
            journal_bytes: view.state.journal_bytes,
            _permit: permit,
        })))
    }

    /// A new instance, brought to where the journal ends.
    pub(crate) async fn replay(&self, view: &RunView) -> Result<Instance, Trouble> {
        let program = self.programs.get(view.run.version).await?;
        let limits = &self.settings.limits;
        let snapshot = self.store.read()?;
        let input = snapshot.input(view.id)?.unwrap_or_default();
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
pub(crate) fn check(
    snapshot: &Snapshot,
    run: RunId,
    frontier: &mut Frontier,
) -> Result<(), Trouble> {
    while let Some(channel) = frontier.unchecked().cloned() {
        let head = snapshot.head(run, &channel, 0)?;
        frontier.found(channel, head);
    }
    Ok(())
}
