//! The answers to calls, which come from a step or from the scenario's answers.

use std::collections::HashMap;

use dormouse_journal::{CallError, Header, Response, Time};
use dormouse_seams::{Clock as _, Spawner as _};
use dormouse_simulation::Seam;

use super::{Player, StepFailure};
use crate::difference::shortened;
use crate::pattern::Sent;
use crate::step::{NoAnswer, Respond, Step};
use crate::transcript::EventKind;

impl Player<'_> {
    /// Answers a call that a step has found, if the step or one of the scenario's answers says how.
    pub(super) fn take(
        &mut self,
        attempt: usize,
        respond: Option<&Respond>,
        number: usize,
    ) -> Result<(), StepFailure> {
        match respond {
            Some(respond) => self.answer(attempt, respond)?,
            None => {
                if !self.answer_by_rule(attempt)? {
                    let later = format!("step {}", number + 1);
                    return Err(format!(
                        "nothing answers the call: give {later} a `respond`, or the scenario an [[answer]]"
                    )
                    .into());
                }
            }
        }
        Ok(self.settle()?)
    }

    /// Returns the attempts that wait for an answer. The flag is true if this step or a later one means the attempt.
    pub(super) fn claimed(&self, number: usize) -> Result<Vec<(usize, Sent, bool)>, StepFailure> {
        let later = self.scenario.steps.get(number..).unwrap_or_default();
        let means = |step: &Step, sent: &Sent| match step {
            // A step that names a webhook which does not exist yet may mean the attempt.
            Step::Call(call, _) => call.means(sent, &self.names).unwrap_or(true),
            _ => false,
        };
        let waiting = self.waiting()?.into_iter();
        Ok(waiting
            .map(|(attempt, sent)| {
                let is_claimed = later.iter().any(|(_, step)| means(step, &sent));
                (attempt, sent, is_claimed)
            })
            .collect())
    }

    /// Returns an error if a call waits for an answer that would not come before `next`.
    pub(super) fn refuse_unanswered(
        &mut self,
        next: Time,
        number: usize,
    ) -> Result<(), StepFailure> {
        let ends = self.machine.network.look(|waiting| {
            let ends = waiting.iter();
            let ends = ends.map(|waiting| (waiting.number, waiting.until));
            ends.collect::<HashMap<_, _>>()
        });
        let later = self.scenario.steps.get(number..).unwrap_or_default();
        for (attempt, sent, is_claimed) in self.claimed(number)? {
            if !is_claimed {
                let body = String::from_utf8_lossy(&sent.request.body).into_owned();
                return Err(StepFailure {
                    message: format!("nothing answers the call {}", sent.line()),
                    details: vec![
                        "give the scenario an [[answer]] to it, or a step that has it as its `call`"
                            .into(),
                        format!("its body is {}", shortened(&body)),
                    ],
                });
            }
            if ends.get(&attempt).is_some_and(|end| *end <= next) {
                let waits = match later.first() {
                    Some((_, Step::Call(..))) => "waits for another call",
                    _ => "lets time pass",
                };
                return Err(StepFailure {
                    message: format!(
                        "the call {} is made, and this step {waits}; a later step answers it, which is too late",
                        sent.line()
                    ),
                    details: vec![
                        "the attempt would time out before; put the step that answers it first, or answer it by an [[answer]]"
                            .into(),
                    ],
                });
            }
        }
        Ok(())
    }

    /// Answers all calls that no step from this one on means and that one of the scenario's answers means. Returns true
    /// if there were any, so that something may have happened.
    pub(super) fn answer_by_rules(&mut self, number: usize) -> Result<bool, StepFailure> {
        let mut has_answered = false;
        loop {
            // A workflow may make calls without end and without waiting.
            self.check_time()?;
            let mut answered = false;
            for (attempt, _, is_claimed) in self.claimed(number)? {
                answered |= !is_claimed && self.answer_by_rule(attempt)?;
            }
            if !answered {
                return Ok(has_answered);
            }
            has_answered = true;
            self.settle()?;
        }
    }

    /// Answers a call with the first of the scenario's answers that means it. Returns false if none does.
    pub(super) fn answer_by_rule(&mut self, attempt: usize) -> Result<bool, StepFailure> {
        let Some(sent) = self.seen.get(&attempt).cloned() else {
            return Ok(false);
        };
        for (place, (_, answer)) in self.scenario.answers.iter().enumerate() {
            if self.left[place] > 0
                && answer.to.means(&sent, &self.names)?
                && answer.to.differences(&sent, &self.names)?.is_empty()
            {
                if answer.times.is_some() {
                    self.left[place] -= 1;
                }
                self.used[place] = true;
                self.answer(attempt, &answer.respond)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the lines at which answers begin that were never given.
    pub(super) fn unused(&self) -> Vec<usize> {
        let answers = self.scenario.answers.iter().zip(&self.used);
        let unused = answers.filter(|(_, used)| !**used);
        unused.map(|((line, _), _)| *line).collect()
    }

    /// Answers an attempt at a call.
    pub(super) fn answer(&mut self, attempt: usize, respond: &Respond) -> Result<(), StepFailure> {
        let (what, result) = match respond.error {
            Some(NoAnswer::Unreachable) => (
                "unreachable".to_owned(),
                Err(CallError::Unreachable("connection refused".into())),
            ),
            Some(NoAnswer::TimedOut) => ("never".to_owned(), Err(CallError::TimedOut)),
            None => {
                let response = self.response(respond)?;
                (response.status.to_string(), Ok(response))
            }
        };
        let Some(waiting) = self.machine.network.take(attempt) else {
            return Ok(());
        };
        let sent = self.seen.get(&attempt).map(Sent::line).unwrap_or_default();
        let comes = match respond.error {
            // The attempt times out by itself at this time.
            Some(NoAnswer::TimedOut) => waiting.until,
            _ => self.machine.now().after(respond.after()?),
        };
        let after = comes.0.saturating_sub(self.machine.now().0);
        let rules = self.code.rules;
        if after == 0 {
            self.note(EventKind::Answered, format!("{sent}: {what}"));
            self.machine.network.answer(waiting, rules, result);
            return Ok(());
        }
        self.note(
            EventKind::Answered,
            format!("{sent}: {what}, which comes after {after} ms"),
        );
        self.coming.push(comes.min(waiting.until));
        let network = self.machine.network.clone();
        let seam = Seam(self.machine.executor.clone());
        let passed = seam.sleep_until(comes.0);
        seam.spawn(Box::pin(async move {
            passed.await;
            network.answer(waiting, rules, result);
        }));
        Ok(())
    }

    pub(super) fn response(&self, respond: &Respond) -> Result<Response, String> {
        let content = respond.written().content(&self.names)?;
        let mut headers: Vec<Header> = Vec::new();
        for (name, value) in &respond.headers {
            let value = self.names.fill_text(value)?;
            headers.push((name.to_ascii_lowercase(), value.into()));
        }
        let is_typed = headers.iter().any(|(name, _)| name == "content-type");
        if !is_typed && !content.content_type.is_empty() {
            let value = content.content_type.as_bytes();
            headers.push(("content-type".into(), value.into()));
        }
        Ok(Response {
            status: respond.status.unwrap_or(200),
            headers,
            body: content.body,
        })
    }
}
