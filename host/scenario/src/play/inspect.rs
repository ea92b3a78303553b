//! The player's view of the host: runs, their calls and their webhooks.

use dormouse_journal::{Activation, Kind, Open, Request, RunId};
use dormouse_store::WebhookView;

use super::{MOST_READ, MOST_WAITS, Player, StepFailure};
use crate::difference::shortened;
use crate::machine::{MOST_CALLS, PlayError};
use crate::outcome::RunState;
use crate::pattern::Sent;
use crate::step::ExpectedRun;

impl Player<'_> {
    /// Returns the name of the step that made this call, if it can be found.
    pub(super) fn step_of(&self, request: &Request) -> Result<Option<String>, PlayError> {
        // Several calls may have the same key, and a redirected call has another URL.
        match self.step_by(request, true)? {
            Some(step) => Ok(Some(step)),
            None => self.step_by(request, false),
        }
    }

    pub(super) fn step_by(
        &self,
        request: &Request,
        by_url: bool,
    ) -> Result<Option<String>, PlayError> {
        let calls = self
            .machine
            .read(|store| store.calls(None, MOST_CALLS))?
            .calls;
        let mut keys = request.headers.iter();
        let key = keys.find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"));
        for call in calls {
            let made = self
                .machine
                .read(|store| store.call(call.run, call.operation))?;
            let is_it = made.is_some_and(|made| match key {
                Some((_, key)) => {
                    let is_same = |call: &Request| {
                        !by_url || call.url == request.url && call.body == request.body
                    };
                    made.idempotency_key.as_bytes() == key.as_ref() && is_same(&made.request)
                }
                None => made.request.url == request.url,
            });
            if is_it {
                let shown = self
                    .machine
                    .read(|store| store.show(call.run, MOST_CALLS))?;
                let mut open = shown.into_iter().flat_map(|shown| shown.open);
                let open = open.find(|(number, _)| *number == call.operation);
                return Ok(open.map(|(_, open)| open.step));
            }
        }
        Ok(None)
    }

    /// Returns the attempts at calls that wait for an answer.
    pub(super) fn waiting(&self) -> Result<Vec<(usize, Sent)>, PlayError> {
        let numbers: Vec<usize> = self
            .machine
            .network
            .look(|waiting| waiting.iter().map(|waiting| waiting.number).collect());
        let sent = numbers.into_iter();
        Ok(sent
            .filter_map(|number| Some((number, self.seen.get(&number)?.clone())))
            .collect())
    }

    pub(super) fn webhooks(&self, run: RunId) -> Result<Vec<WebhookView>, PlayError> {
        let webhooks = self.machine.read(|store| store.webhooks(run, MOST_READ))?;
        Ok(webhooks.unwrap_or_default())
    }

    pub(super) fn run_state(&self) -> Result<RunState, PlayError> {
        let shown = self
            .machine
            .read(|store| store.show(self.run, MOST_WAITS))?;
        let shown = shown.ok_or_else(|| PlayError("the run is gone".into()))?;
        let logs = self
            .machine
            .read(|store| store.logs(self.run, (0, 0), MOST_READ))?;
        let state = shown.view.state;
        let until = state.ended.unwrap_or_else(|| self.machine.now());
        Ok(RunState {
            status: state.status,
            waits: shown.open.iter().map(|(_, open)| waits(open)).collect(),
            output: shown.output,
            failure: state.failure,
            labels: shown.view.run.labels.as_map().clone(),
            log: logs.lines.into_iter().map(|(_, line)| line).collect(),
            took: until.0.saturating_sub(self.began.0),
        })
    }

    pub(super) fn journal(&self) -> Result<Vec<Activation>, PlayError> {
        let state = self.machine.read(|store| store.state(self.run))?;
        let first = state.map_or(0, |state| state.first_activation);
        let page = self
            .machine
            .read(|store| store.journal(self.run, first, MOST_READ))?;
        Ok(page.activations)
    }

    pub(super) fn compare(&self, expected: &ExpectedRun, message: &str) -> Result<(), StepFailure> {
        let details = self.run_state()?.differences(expected, &self.names)?;
        match details.is_empty() {
            true => Ok(()),
            false => Err(StepFailure {
                message: message.into(),
                details,
            }),
        }
    }
}

/// Describes what an operation waits for.
fn waits(open: &Open) -> String {
    let step = &open.step;
    match &open.kind {
        Kind::WaitForWebhook { .. } => format!("a request, {step:?}"),
        Kind::Call { method, url, .. } => {
            format!("the call {step:?} ({method} {})", shortened(url))
        }
        Kind::WaitForEvent { event, .. } => format!("the event {event:?}"),
        Kind::Sleep { .. } | Kind::SleepUntil { .. } => format!("the timer {step:?}"),
        Kind::WaitForRun { .. } => format!("the end of a run, {step:?}"),
        Kind::WaitForCancel { .. } => "being cancelled".to_owned(),
        _ => format!("{step:?}"),
    }
}
