//! Requests to webhooks, and the answers to their callers.

use std::convert::Infallible;
use std::future::ready;
use std::sync::PoisonError;

use dormouse_journal::RunId;
use dormouse_seams::Spawner as _;
use dormouse_simulation::Seam;
use dormouse_store::WebhookView;

use super::{Caller, MOST_HELD, Player, StepFailure};
use crate::difference::shortened;
use crate::machine::PlayError;
use crate::outcome::answer_differences;
use crate::requests;
use crate::step::{Deliver, ExpectedAnswer};
use crate::transcript::EventKind;

impl Player<'_> {
    /// Sends a request to a webhook, once the webhook exists.
    pub(super) fn deliver(
        &mut self,
        deliver: &Deliver,
        expect: Option<&ExpectedAnswer>,
        number: usize,
    ) -> Result<(), StepFailure> {
        let webhook = loop {
            let found = match self.run_of(deliver)? {
                None => None,
                Some(run) => self.webhook(run, deliver)?,
            };
            if let Some(webhook) = found {
                break webhook;
            }
            if !self.answer_by_rules(number)? && !self.go_on(None, number)? {
                let state = self.run_state()?;
                return Err(StepFailure {
                    message: format!("there is no webhook {}", deliver.to),
                    details: vec![format!("the run is {}", state.line())],
                });
            }
        };
        let request = requests::request(
            deliver,
            (&webhook.url, &webhook.webhook.options),
            self.scenario,
            &self.names,
            (self.machine.now(), self.requests),
        )?;
        self.requests += 1;
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let line = format!("{} {}: {}", request.method, deliver.to, shortened(&body));
        self.note(EventKind::Request, line);
        let caller = self.send(request);
        self.settle()?;
        match &deliver.named {
            Some(name) => {
                self.callers.insert(name.clone(), caller);
                Ok(())
            }
            None => {
                let accepted = ExpectedAnswer::default();
                self.answered(&caller, expect.unwrap_or(&accepted), number)
            }
        }
    }

    /// Sends a request in a task of its own, as each connection has one.
    pub(super) fn send(&self, request: dormouse_journal::Request) -> Caller {
        let caller = Caller::default();
        let (make_response, runtime, slot) = (
            self.code.make_response,
            self.machine.runtime.clone(),
            caller.clone(),
        );
        Seam(self.machine.executor.clone()).spawn(Box::pin(async move {
            let path = request.url.split('?').next().unwrap_or_default();
            let token = path.rsplit('/').next().unwrap_or_default();
            let Some(address) = runtime.read_token(token) else {
                return;
            };
            let (body, mut head) = (request.body.clone(), request);
            head.body = bytes::Bytes::new();
            let receiving = async {
                let endpoint = runtime.endpoint(address).await?;
                let length = Some(body.len() as u64);
                let body = ready(Ok::<_, Infallible>(body));
                let Ok(received) = endpoint.receive(head, length, body).await;
                received
            };
            let answer = make_response(receiving.await);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }));
        caller
    }

    /// Waits until a caller is answered, and checks the answer.
    pub(super) fn answered(
        &mut self,
        caller: &Caller,
        expect: &ExpectedAnswer,
        number: usize,
    ) -> Result<(), StepFailure> {
        let until = self.machine.now().after(MOST_HELD);
        let answer = loop {
            let answer = caller.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(answer) = answer {
                break answer;
            }
            if self.answer_by_rules(number)? {
                continue;
            }
            // The time for which the host holds a caller is a timer of its own.
            let next = self.machine.executor.next_timer();
            let next = next.filter(|next| *next <= until);
            let next = next.ok_or_else(|| "the caller is not answered".to_owned())?;
            self.go_on(Some(next), number)?;
        };
        self.note(EventKind::Reply, format!("{}", answer.status));
        let details = answer_differences(&answer, expect, &self.names)?;
        if details.is_empty() && expect.status.is_none() && answer.status >= 400 {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(StepFailure {
                message: format!(
                    "the request was refused with {}; if that is right, expect this status",
                    answer.status
                ),
                details: vec![shortened(&body)],
            });
        }
        match details.is_empty() {
            true => Ok(()),
            false => Err(StepFailure {
                message: "the caller was not answered as expected".into(),
                details,
            }),
        }
    }

    /// Checks the answers to callers that no step has checked.
    pub(super) fn check_callers(&mut self) -> Result<(), StepFailure> {
        let mut callers: Vec<_> = self.callers.drain().collect();
        callers.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, caller) in callers {
            let answer = caller.lock().unwrap_or_else(PoisonError::into_inner).take();
            let told = match answer {
                Some(answer) if answer.status < 400 => continue,
                Some(answer) => format!("was answered {}", answer.status),
                None => "was not answered".to_owned(),
            };
            let step = format!("look at it by a step with `answered = \"{name}\"`");
            return Err(StepFailure {
                message: format!("the caller {name} {told}"),
                details: vec![step],
            });
        }
        Ok(())
    }

    /// Returns the run that a request is for, if it exists yet.
    pub(super) fn run_of(&self, deliver: &Deliver) -> Result<Option<RunId>, PlayError> {
        match &deliver.workflow {
            None => Ok(Some(self.run)),
            Some(workflow) => self.machine.run_of(workflow, deliver.run),
        }
    }

    /// Returns the webhook of a run that a request is for, if it exists yet.
    pub(super) fn webhook(
        &self,
        run: RunId,
        deliver: &Deliver,
    ) -> Result<Option<WebhookView>, PlayError> {
        let webhooks = self.webhooks(run)?.into_iter();
        let mut named = webhooks.filter(|view| view.webhook.step == deliver.to);
        Ok(match deliver.number {
            None => named.last(),
            Some(number) => named.nth(number.saturating_sub(1)),
        })
    }
}
