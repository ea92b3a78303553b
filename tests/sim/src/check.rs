//! The checks at the end of a simulation: they compare the content of the store with the answers that the host gave.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use dormouse_journal::{CallError, Kind, OperationNumber, Outcome, Response, RetryPolicy, Status};
use dormouse_runtime::{Received, Refusal};
use dormouse_store::RunView;
use serde_json::Value;

use crate::case::WEBHOOKS;
use crate::evidence::{Evidence, RunEvidence, event_body, webhook_number};
use crate::history::{Post, PostAnswer, idempotency_key};
use crate::{AcceptedRequest, RunModel};

/// Checks all runs. Returns the number of activations.
pub(crate) fn check(evidence: &Evidence<'_>) -> Result<usize, String> {
    let mut activations = 0;
    for number in 0..evidence.runs.len() {
        let run = RunEvidence::read(evidence, number).map_err(|error| error.to_string())?;
        run.check()
            .map_err(|why| format!("run {number}: {why}\n{}", run.told()))?;
        activations += run.journal.len();
    }
    Ok(activations)
}

impl RunEvidence<'_> {
    fn check(&self) -> Result<(), String> {
        self.follow()?;
        for webhook in 0..WEBHOOKS.len() {
            self.requests(webhook)?;
        }
        self.events()?;
        self.calls()?;
        self.starts()?;
        let left = self.left.iter().map(Vec::len).sum::<usize>() + self.mail.len();
        if self.status.has_ended() && self.untaken != left as u64 {
            return Err(format!(
                "{left} lie there untaken, and it says {}",
                self.untaken
            ));
        }
        let was_asked = self.status == Status::Cancelled && self.is_cancelled();
        if matches!(self.status, Status::Cancelled | Status::Blocked) && !was_asked {
            return Err(format!("it is {}, and nobody asked for it", self.status));
        }
        Ok(())
    }

    /// Checks that the journal is as the model says.
    fn follow(&self) -> Result<(), String> {
        let mut inboxes = BTreeMap::new();
        for webhook in 0..WEBHOOKS.len() {
            let mut kept: Vec<AcceptedRequest> = self
                .accepted(webhook)
                .map(|delivery| AcceptedRequest {
                    id: delivery.id.clone(),
                    accepted: delivery.accepted,
                })
                .collect();
            kept.sort_by_key(|kept| kept.accepted);
            inboxes.insert(webhook_number(webhook), VecDeque::from(kept));
        }
        let mut journey = RunModel::new(inboxes).repaired(self.is_repaired());
        for (number, activation) in self.journal.iter().enumerate() {
            journey
                .follow(activation)
                .map_err(|why| format!("activation {number}: {why}"))?;
        }
        for (webhook, left) in self.left.iter().enumerate() {
            let expected = &journey.left()[&webhook_number(webhook)];
            if !left
                .iter()
                .map(|left| &left.id)
                .eq(expected.iter().map(|kept| &kept.id))
            {
                return Err(format!(
                    "the inbox of webhook {webhook} holds {left:?}, not {expected:?}"
                ));
            }
        }
        Ok(())
    }

    /// Checks that each acknowledged request was delivered or is in the inbox, once and in the order of the
    /// acknowledgements, and that no other request is.
    fn requests(&self, webhook: usize) -> Result<(), String> {
        let heard = self.heard(webhook);
        let mut places = BTreeMap::new();
        for (place, delivery) in self.accepted(webhook).enumerate() {
            if places.insert(delivery.id.clone(), place).is_some() {
                return Err(format!("request {} is there twice", delivery.id));
            }
            let mut sent = self.all.history.posts.iter();
            if !sent.any(|post| {
                post.run == self.number
                    && post.webhook == webhook
                    && post.body == delivery.request.body
            }) {
                return Err(format!("request {} was never sent", delivery.id));
            }
        }
        let mut known: Vec<(usize, &PostAnswer)> = Vec::new();
        for (_, heard) in &heard {
            let Ok(received) = &heard.result else {
                continue;
            };
            let id = id(received)?;
            let Some(place) = places.get(id) else {
                return Err(format!(
                    "request {id} was acknowledged, and is lost: {heard:?}"
                ));
            };
            if matches!(received, Received::Accepted { .. }) {
                known.push((*place, heard));
            }
        }
        for (place, one) in &known {
            for (other_place, other) in &known {
                if one.heard < other.sent && place > other_place {
                    return Err(format!("{other:?} went before {one:?}"));
                }
            }
        }
        self.answers(webhook, &heard)?;
        self.repeats(&heard)
    }

    /// Checks that callers got the answers of the workflow, and that refusals have a reason.
    fn answers(&self, webhook: usize, heard: &[(&Post, &PostAnswer)]) -> Result<(), String> {
        let closed = self.operations().any(|(_, kind)| {
            matches!(kind, Kind::CloseWebhook { webhook: of } if *of == webhook_number(webhook))
        });
        for (_, heard) in heard {
            match &heard.result {
                Ok(Received::Answered { id, response }) => {
                    let said = self.operations().any(|(_, kind)| {
                        matches!(kind, Kind::Respond { delivery, status }
                            if delivery == id && *status == response.status)
                    });
                    if !said && !self.is_repaired() {
                        return Err(format!("the workflow never said so: {heard:?}"));
                    }
                }
                // A part of the history that was set aside may have closed the webhook, or may have failed the run.
                Err(Refusal::Gone | Refusal::RunFailed) if self.is_repaired() => {}
                Err(Refusal::Gone) if !closed && !self.status.has_ended() => {
                    return Err(format!("a webhook that is open is gone: {heard:?}"));
                }
                Err(Refusal::RunFailed) if self.status != Status::Failed => {
                    return Err(format!(
                        "a run that has not failed says that it has: {heard:?}"
                    ));
                }
                Ok(_)
                | Err(
                    Refusal::Gone
                    | Refusal::RunFailed
                    | Refusal::OtherBody
                    | Refusal::Unavailable(_),
                ) => {}
                Err(refusal) => return Err(format!("refused: {refusal}")),
            }
        }
        Ok(())
    }

    /// Checks that a repeated request got the same answer again and did not reach the run again.
    fn repeats(&self, heard: &[(&Post, &PostAnswer)]) -> Result<(), String> {
        let mut keys: BTreeMap<&str, Vec<(&Post, &PostAnswer)>> = BTreeMap::new();
        for (post, heard) in heard {
            if let Some(key) = &post.key {
                keys.entry(key).or_default().push((post, heard));
            }
        }
        for (key, heard) in keys {
            let mut ids = BTreeSet::new();
            let mut bodies = BTreeSet::new();
            let mut answers = Vec::new();
            let mut first = 0;
            for (post, heard) in &heard {
                let Ok(received) = &heard.result else {
                    continue;
                };
                ids.insert(id(received)?);
                bodies.insert(&post.body);
                first += usize::from(matches!(received, Received::Accepted { .. }));
                if let Received::Answered { response, .. } = received {
                    answers.push(response);
                }
            }
            answers.dedup();
            if ids.len() > 1 || bodies.len() > 1 || first > 1 || answers.len() > 1 {
                return Err(format!("{key} names more than one request: {heard:?}"));
            }
        }
        Ok(())
    }

    /// Checks that each acknowledged event came once.
    fn events(&self) -> Result<(), String> {
        let completions = self
            .journal
            .iter()
            .filter_map(|activation| activation.completion.as_ref());
        let came: Vec<String> = completions
            .filter_map(|completion| event_body(&completion.outcome))
            .collect();
        let gave_up = matches!(self.status, Status::Failed | Status::Cancelled)
            || self
                .operations()
                .any(|(_, kind)| matches!(kind, Kind::Abandon { .. }));
        for event in &self.all.history.events {
            let times = came
                .iter()
                .chain(&self.mail)
                .filter(|body| **body == event.body)
                .count();
            let reached = event.reached.as_ref();
            let reached = reached.map(|runs| runs.contains(&self.all.runs[self.number]));
            let fits = match (event.to, reached) {
                (Some(run), _) if run != self.number => true,
                // Events that begin with `f` are the last ones of the driver, which have equal bodies.
                (Some(_), Some(true)) if event.body.starts_with('f') => times >= 1,
                (Some(_), Some(true)) => times == 1,
                (Some(_), _) => event.body.starts_with('f') || times <= 1,
                (None, Some(true)) => times >= 1 || gave_up,
                (None, Some(false)) => times == 0,
                (None, None) => true,
            };
            if !fits {
                return Err(format!("came {times} times: {event:?}"));
            }
        }
        Ok(())
    }

    /// Checks that each run which this one started exists once.
    fn starts(&self) -> Result<(), String> {
        let runs = self.all.reading.runs();
        let runs = runs.map_err(|error| error.to_string())?;
        let own = self.all.runs[self.number];
        let mut children: BTreeMap<OperationNumber, Vec<String>> = BTreeMap::new();
        for child in &runs {
            if let Some(parent) = child.run.parent.filter(|parent| parent.run == own) {
                let of_it = children.entry(parent.operation).or_default();
                of_it.push(child.id.to_string());
            }
        }
        for activation in &self.journal {
            let completion = activation.completion.as_ref();
            let is_known = |of_it: &Vec<String>, id: &String| match self.is_repaired() {
                // A part of the history that was set aside may have started other runs by the same operation.
                true => of_it.contains(id),
                false => *of_it == [id.clone()],
            };
            if let Some((operation, Outcome::Started(Ok(id)))) =
                completion.map(|completion| (completion.operation, &completion.outcome))
                && !children
                    .get(&operation)
                    .is_some_and(|of_it| is_known(of_it, id))
            {
                return Err(format!(
                    "operation {operation} started {id}, and there are {:?}",
                    children.get(&operation)
                ));
            }
        }
        let starts: BTreeSet<OperationNumber> = self
            .operations()
            .filter(|(_, kind)| matches!(kind, Kind::StartRun { .. }))
            .map(|(number, _)| number)
            .collect();
        for child in runs.iter().filter(|child| child.state.generation > 0) {
            self.generations(child)?;
        }
        if self.is_repaired() {
            return Ok(());
        }
        match children
            .iter()
            .find(|(operation, of_it)| of_it.len() > 1 || !starts.contains(operation))
        {
            Some((operation, of_it)) => Err(format!("operation {operation} started {of_it:?}")),
            None => Ok(()),
        }
    }

    /// Checks that a run which continued as new and completed did its script once in each generation.
    fn generations(&self, child: &RunView) -> Result<(), String> {
        if child.state.status != Status::Completed {
            return Ok(());
        }
        let output = self.all.reading.output(child.id);
        let output = output.map_err(|error| error.to_string())?;
        let output = output.ok_or("a run that has completed has no output")?;
        let results: Vec<Value> =
            serde_json::from_slice(&output.body).map_err(|error| error.to_string())?;
        match results.len() == child.state.generation as usize + 1 {
            true => Ok(()),
            false => Err(format!(
                "run {} is in generation {}, and gave {results:?}",
                child.id, child.state.generation
            )),
        }
    }

    /// Checks that calls were attempted as often as allowed, with one key, and that their results are answers of the
    /// network.
    fn calls(&self) -> Result<(), String> {
        for (number, kind) in self.operations() {
            let Kind::Call { retry, .. } = kind else {
                continue;
            };
            let key = format!("{}-{number}", self.all.runs[self.number]);
            let attempts = self.attempts(number, &key, *retry)?;
            if attempts > 0 && self.is_never_sent(number) && !self.is_repaired() {
                return Err(format!(
                    "operation {number} was sent, though the activation that made it gave it up or ended the run"
                ));
            }
            let mut completions = self
                .journal
                .iter()
                .filter_map(|activation| activation.completion.as_ref());
            let Some(completion) = completions.find(|completion| completion.operation == number)
            else {
                continue;
            };
            let Outcome::Response(result) = &completion.outcome else {
                continue;
            };
            if matches!(result, Err(CallError::Abandoned)) {
                // The model knows whether the call was given up.
                continue;
            }
            if matches!(result, Err(CallError::Interrupted)) {
                if !self.all.disturbed {
                    return Err(format!("operation {number} was interrupted by nothing"));
                }
                continue;
            }
            if let Err(CallError::Other(failure)) = result
                && failure.code == "too-late"
            {
                // The time to give up may have passed while the run or the host was stopped.
                let may_be_late = self.all.disturbed || self.is_repaired();
                if !may_be_late || retry.give_up_after.is_none() {
                    return Err(format!("operation {number} was late for no reason"));
                }
                continue;
            }
            let answers = self.answers_of(&key);
            if !answers.contains(&result) {
                return Err(format!(
                    "operation {number} gives {result:?}, but was answered {answers:?}"
                ));
            }
            let may_go_on = match result {
                Ok(response) => response.status == 503,
                Err(_) => true,
            };
            let is_free = self.all.disturbed || self.is_repaired();
            if may_go_on && !is_free && !self.may_give_up(number, attempts, *retry) {
                return Err(format!(
                    "operation {number} gave up after {attempts} attempts: {retry:?}"
                ));
            }
        }
        Ok(())
    }
}

/// The largest delay of an attempt, in milliseconds. An attempt is made after the commit that counts it.
const LATE: u64 = 1_000;

impl RunEvidence<'_> {
    /// Returns the network's answers to calls with this key, or with this key and the number of a take-back.
    fn answers_of(&self, key: &str) -> Vec<&Result<Response, CallError>> {
        let again = format!("{key}-");
        let answers = self.all.history.answers.iter();
        let answers = answers
            .filter(|(sent, _)| *sent == key || (self.is_repaired() && sent.starts_with(&again)));
        answers.flat_map(|(_, answers)| answers).collect()
    }

    /// Returns the number of attempts at a call, and an error if its policy does not allow as many.
    fn attempts(
        &self,
        number: OperationNumber,
        key: &str,
        retry: RetryPolicy,
    ) -> Result<usize, String> {
        let sent = self.all.sent.iter();
        let sent: Vec<u64> = sent
            .filter(|(_, request)| idempotency_key(request) == key)
            .map(|(time, _)| *time)
            .collect();
        let attempts = sent.len();
        if self.is_repaired() {
            // The call may be done again with the same key, and with as many attempts.
            return Ok(attempts);
        }
        if retry.attempts.is_some_and(|most| attempts > most as usize) {
            return Err(format!(
                "operation {number} was attempted {attempts} times: {retry:?}"
            ));
        }
        if let (Some(first), Some(last), Some(span)) =
            (sent.first(), sent.last(), retry.give_up_after)
            && !self.all.disturbed
            && last - first > span + LATE
        {
            return Err(format!(
                "operation {number} was still attempted after {} ms: {retry:?}",
                last - first
            ));
        }
        Ok(attempts)
    }

    /// Returns true if a call may end after this many attempts without a result: the policy allows no other attempt, or
    /// another one would come too late.
    fn may_give_up(&self, number: OperationNumber, attempts: usize, retry: RetryPolicy) -> bool {
        if retry.attempts.is_some_and(|most| attempts >= most as usize) {
            return true;
        }
        let (Some(span), Some((made, ended))) = (retry.give_up_after, self.span(number)) else {
            return false;
        };
        let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        let delay = retry.initial_delay.saturating_mul(1 << doublings.min(20));
        let delay = delay.min(retry.max_delay).max(100);
        ended.after(delay) > made.after(span)
    }
}

fn id(received: &Received) -> Result<&String, String> {
    match received {
        Received::Accepted { id }
        | Received::Duplicate { id }
        | Received::Answered { id, .. }
        | Received::AcknowledgedAs { id, .. } => Ok(id),
        Received::Probe(_) => Err("a request was taken for a probe".into()),
        Received::Triggered { .. } => {
            Err("a request to a webhook was taken for one to a trigger".into())
        }
    }
}
