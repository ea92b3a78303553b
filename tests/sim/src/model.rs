//! The model of one run: it says in the simplest way what must happen, with lists in memory and without a store, a host
//! or a clock.
//!
//! A [`RunModel`] gets every request that the run's webhooks accepted, and then follows the journal, activation by
//! activation. It knows at each activation which operations may complete, and refuses all others. It shares only the
//! types of the journal with the host, so it can check the host with any store.

use std::collections::{BTreeMap, VecDeque};

use dormouse_journal::{
    Activation, CallError, Delivery, Kind, Operation, OperationNumber, Outcome, Time, WebhookNumber,
};

/// A request that a webhook accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedRequest {
    /// The id in the answer to the request's caller.
    pub id: String,
    /// The time of the acceptance.
    pub accepted: Time,
}

/// A run, followed along its journal.
#[derive(Debug, Clone, Default)]
pub struct RunModel {
    /// The requests that were accepted and not handed out, in the order of their acceptance.
    inboxes: BTreeMap<WebhookNumber, VecDeque<AcceptedRequest>>,
    /// The operations that have not completed, in the order in which they were made.
    open: BTreeMap<OperationNumber, Pending>,
    /// The number of operations that were made.
    made: u32,
    time: Time,
    began: bool,
    ended: bool,
    /// By how many milliseconds wall time is ahead of steady time.
    shift: i64,
    /// True if an operator has repaired the run. Its waits may then have had more time than the journal says, and the
    /// results of effects may be lost.
    repaired: bool,
}

/// An operation that has not completed.
#[derive(Debug, Clone)]
struct Pending {
    step: String,
    kind: Kind,
    issued: Time,
    /// The time at which `abandon` named the operation. Nothing can complete it after that except giving up.
    given_up: Option<Time>,
}

impl Pending {
    /// Returns the steady time at which the operation ends by itself, if wall time is ahead by `shift`.
    fn deadline(&self, shift: i64) -> Option<Time> {
        let later = |span: u64| Some(Time(self.issued.0.saturating_add(span)));
        match &self.kind {
            Kind::WaitForWebhook { timeout, .. }
            | Kind::WaitForEvent { timeout, .. }
            | Kind::WaitForRun { timeout, .. }
            | Kind::WaitForCancel { timeout } => timeout.and_then(later),
            Kind::Sleep { duration } => later(*duration),
            Kind::SleepUntil { instant } => Some(instant.shifted(-shift)),
            _ => None,
        }
    }

    /// Returns the webhook whose requests the operation takes.
    fn webhook(&self) -> Option<WebhookNumber> {
        match &self.kind {
            Kind::WaitForWebhook { webhook, .. } if self.given_up.is_none() => Some(*webhook),
            _ => None,
        }
    }

    /// Returns true if a wait may get this request: the request came before the deadline, or was there when the wait
    /// was made.
    fn may_have(&self, request: &AcceptedRequest) -> bool {
        let in_time = self
            .deadline(0)
            .is_none_or(|deadline| request.accepted < deadline);
        in_time || request.accepted <= self.issued
    }

    /// Returns true if the wait can end without a request only after this request was handed out. A request that came
    /// in the same millisecond as the wait may have come after it, so it does not count.
    fn must_see_gone(&self, request: &AcceptedRequest) -> bool {
        let in_time = self
            .deadline(0)
            .is_none_or(|deadline| request.accepted < deadline);
        in_time || request.accepted < self.issued
    }
}

/// When a completion became possible, when its request was accepted or its deadline passed, and its operation. Earlier
/// ones come first.
type Place = (Time, Time, OperationNumber);

impl RunModel {
    /// Returns a run that has not begun, with the requests that its webhooks will accept.
    #[must_use]
    pub fn new(inboxes: BTreeMap<WebhookNumber, VecDeque<AcceptedRequest>>) -> Self {
        RunModel {
            inboxes,
            ..RunModel::default()
        }
    }

    /// Sets whether an operator has retried the run or taken it back. The journal of such a run does not tell when its
    /// waits end.
    #[must_use]
    pub fn repaired(self, repaired: bool) -> Self {
        RunModel { repaired, ..self }
    }

    /// Follows the journal by one activation.
    ///
    /// # Errors
    /// If the activation is not what must happen. The text says why.
    pub fn follow(&mut self, activation: &Activation) -> Result<(), String> {
        if self.ended {
            return Err("an activation follows the end".into());
        }
        if activation.time < self.time {
            return Err(format!(
                "an activation at {} ms follows one at {} ms",
                activation.time.0, self.time.0
            ));
        }
        self.shift = activation.shift;
        match (&activation.completion, self.began) {
            (None, false) => {}
            (None, true) => return Err("the run begins twice".into()),
            (Some(_), false) => return Err("something completes before the run has begun".into()),
            (Some(completion), true) => {
                self.complete(completion.operation, &completion.outcome, activation.time)
                    .map_err(|why| {
                        format!(
                            "at {} ms operation {} completes: {why}",
                            activation.time.0, completion.operation
                        )
                    })?;
            }
        }
        self.began = true;
        self.time = activation.time;
        self.ended = activation.end.is_some();
        for operation in &activation.operations {
            let number = OperationNumber(self.made);
            self.make(operation, activation.time)
                .map_err(|why| format!("operation {number}: {why}"))?;
        }
        Ok(())
    }

    /// Returns the requests that were accepted and never handed out.
    #[must_use]
    pub fn left(&self) -> &BTreeMap<WebhookNumber, VecDeque<AcceptedRequest>> {
        &self.inboxes
    }

    fn make(&mut self, operation: &Operation, issued: Time) -> Result<(), String> {
        let number = OperationNumber(self.made);
        self.made += 1;
        match &operation.kind {
            Kind::Abandon {
                operations,
                dropped: true,
            } => self.drop_futures(operations),
            Kind::Abandon {
                operations,
                dropped: false,
            } => self.abandon(&operation.step, operations, issued),
            kind if kind.completes() => {
                let pending = Pending {
                    step: operation.step.clone(),
                    kind: kind.clone(),
                    issued,
                    given_up: None,
                };
                self.open.insert(number, pending);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Removes operations whose futures were dropped. Nothing completes them.
    fn drop_futures(&mut self, operations: &[OperationNumber]) -> Result<(), String> {
        for operation in operations {
            if self.open.remove(operation).is_none() {
                return Err(format!("operation {operation} is dropped, and is not open"));
            }
        }
        Ok(())
    }

    /// Gives up the operation that `abandon` names, if it is open and was not given up before. A given-up operation
    /// still completes.
    fn abandon(
        &mut self,
        step: &str,
        operations: &[OperationNumber],
        time: Time,
    ) -> Result<(), String> {
        let [number] = operations else {
            return match operations.is_empty() && step.is_empty() {
                true => Ok(()),
                false => Err(format!("it gives up {operations:?} as {step:?}")),
            };
        };
        let pending = self.open.get_mut(number);
        match pending.filter(|pending| pending.step == step && pending.given_up.is_none()) {
            Some(pending) => {
                pending.given_up = Some(time);
                Ok(())
            }
            None => Err(format!(
                "it gives up operation {number} as {step:?}, which is not open under that name, or was given up before"
            )),
        }
    }

    fn complete(
        &mut self,
        number: OperationNumber,
        outcome: &Outcome,
        time: Time,
    ) -> Result<(), String> {
        let Some(pending) = self.open.get(&number).cloned() else {
            return Err("it was never made, or completed or was given up before".into());
        };
        let place = match (&pending.kind, outcome) {
            (kind, outcome) if pending.given_up.is_some() => {
                comes_of_giving_up(kind, outcome)?;
                // The place depends on when the operation was made, or on when it was given up: a host that starts
                // again does not know the latter.
                Some((pending.issued, pending.issued, number))
            }
            (Kind::Call { .. }, Outcome::Response(Err(CallError::Abandoned))) => {
                return Err("it was not given up".into());
            }
            (Kind::WaitForWebhook { webhook, .. }, Outcome::Delivery(Some(delivery))) => {
                Some(self.hand_out(*webhook, number, delivery, time)?)
            }
            (Kind::WaitForWebhook { webhook, .. }, Outcome::Delivery(None)) => {
                if !self.repaired {
                    self.nothing_is_left_for(*webhook, &pending)?;
                }
                Some(passed(&pending, number, time, self.shift)?)
            }
            (Kind::Sleep { .. } | Kind::SleepUntil { .. }, Outcome::Slept)
            | (Kind::WaitForEvent { .. }, Outcome::Event(None))
            | (Kind::WaitForRun { .. }, Outcome::RunEnded(Ok(None)))
            | (Kind::WaitForCancel { .. }, Outcome::CancelAsked(None)) => {
                Some(passed(&pending, number, time, self.shift)?)
            }
            // The journal does not tell when these arrived.
            (Kind::WaitForEvent { .. }, Outcome::Event(Some(_)))
            | (Kind::Call { .. }, Outcome::Response(_))
            | (Kind::Notify { .. }, Outcome::Notified(_))
            | (Kind::StartRun { .. }, Outcome::Started(Ok(_)))
            | (Kind::WaitForRun { .. }, Outcome::RunEnded(Ok(Some(_))))
            | (Kind::CancelRun { .. }, Outcome::RunCancelled(Ok(_)))
            | (Kind::WaitForCancel { .. }, Outcome::CancelAsked(Some(_))) => None,
            // The started run was set aside by a repair.
            (Kind::StartRun { .. }, Outcome::Started(Err(_)))
            | (Kind::CancelRun { .. }, Outcome::RunCancelled(Err(_)))
                if self.repaired =>
            {
                None
            }
            (kind, outcome) => {
                return Err(format!("a {} gives {outcome:?}", kind.name()));
            }
        };
        self.open.remove(&number);
        match place {
            Some(place) if !self.repaired => self.nothing_came_before(place),
            _ => Ok(()),
        }
    }

    /// Hands out a request. Each wait takes the first request, and the oldest wait that may have a request gets it.
    fn hand_out(
        &mut self,
        webhook: WebhookNumber,
        number: OperationNumber,
        delivery: &Delivery,
        time: Time,
    ) -> Result<Place, String> {
        let first = self.first(webhook);
        let Some(first) = first else {
            return Err(format!(
                "request {} was never accepted, or was delivered before",
                delivery.id
            ));
        };
        if first.id != delivery.id {
            return Err(format!(
                "request {} is delivered, but {} is the first in the inbox",
                delivery.id, first.id
            ));
        }
        if first.accepted > time {
            return Err("its request is from the future".into());
        }
        match self.taker(webhook, &first) {
            Some((taker, pending)) if taker == number => {
                if let Some(inbox) = self.inboxes.get_mut(&webhook) {
                    inbox.pop_front();
                }
                Ok((first.accepted.max(pending.issued), first.accepted, number))
            }
            Some((taker, _)) => Err(format!(
                "its request belongs to operation {taker}, which is the oldest that may have it"
            )),
            None => Err(format!(
                "its request was accepted at {} ms, when the deadline had passed",
                first.accepted.0
            )),
        }
    }

    fn first(&self, webhook: WebhookNumber) -> Option<AcceptedRequest> {
        self.inboxes.get(&webhook)?.front().cloned()
    }

    /// Returns the oldest wait that may have this request.
    fn taker(
        &self,
        webhook: WebhookNumber,
        request: &AcceptedRequest,
    ) -> Option<(OperationNumber, Pending)> {
        let may_have = |pending: &Pending| self.repaired || pending.may_have(request);
        self.open
            .iter()
            .find(|(_, pending)| pending.webhook() == Some(webhook) && may_have(pending))
            .map(|(number, pending)| (*number, pending.clone()))
    }

    fn nothing_is_left_for(&self, webhook: WebhookNumber, pending: &Pending) -> Result<(), String> {
        let left = self.inboxes.get(&webhook).into_iter().flatten();
        match left
            .into_iter()
            .find(|request| pending.must_see_gone(request))
        {
            Some(request) => Err(format!(
                "it gives none, but request {} of {} ms was in time and not handed out",
                request.id, request.accepted.0
            )),
            None => Ok(()),
        }
    }

    /// Checks that no other operation could have completed before. Of events in the same millisecond, any may be first,
    /// except for deadlines, which are known long before.
    fn nothing_came_before(&self, place: Place) -> Result<(), String> {
        for webhook in self.inboxes.keys() {
            let Some(first) = self.first(*webhook) else {
                continue;
            };
            if let Some((taker, pending)) = self.taker(*webhook, &first) {
                let ready = first.accepted.max(pending.issued);
                if ready < place.0 {
                    return Err(format!(
                        "request {} for operation {taker} was there before, at {} ms",
                        first.id, ready.0
                    ));
                }
            }
        }
        for (number, pending) in &self.open {
            if let Some(since) = pending.given_up {
                if since < place.0 {
                    return Err(format!(
                        "operation {number} was given up before, at {} ms",
                        since.0
                    ));
                }
                continue;
            }
            let Some(deadline) = pending.deadline(self.shift) else {
                continue;
            };
            let due = (deadline, deadline, *number);
            let free = match pending.webhook() {
                Some(webhook) => self.nothing_is_left_for(webhook, pending).is_ok(),
                // An event, or the end of a run, may be on its way to the wait.
                None => !matches!(
                    pending.kind,
                    Kind::WaitForEvent { .. } | Kind::WaitForRun { .. }
                ),
            };
            // A deadline that had passed when the operation was made ends the operation at once.
            let came_before = if deadline > pending.issued {
                due < place
            } else {
                pending.issued < place.0
            };
            if free && came_before {
                return Err(format!(
                    "the deadline of operation {number} passed before, at {} ms",
                    deadline.0
                ));
            }
        }
        Ok(())
    }
}

fn passed(
    pending: &Pending,
    number: OperationNumber,
    time: Time,
    shift: i64,
) -> Result<Place, String> {
    match pending.deadline(shift) {
        Some(deadline) if deadline <= time => Ok((deadline, deadline, number)),
        Some(deadline) => Err(format!("its deadline is at {} ms", deadline.0)),
        None => Err("it has no deadline".into()),
    }
}

fn comes_of_giving_up(kind: &Kind, outcome: &Outcome) -> Result<(), String> {
    match (kind, outcome) {
        (Kind::WaitForWebhook { .. }, Outcome::Delivery(None))
        | (Kind::Sleep { .. } | Kind::SleepUntil { .. }, Outcome::Slept)
        | (Kind::WaitForEvent { .. }, Outcome::Event(None))
        | (Kind::Call { .. }, Outcome::Response(Err(CallError::Abandoned)))
        | (Kind::Notify { .. }, Outcome::Notified(0)) => Ok(()),
        (kind, outcome) => Err(format!(
            "a {} that was given up gives {outcome:?}",
            kind.name()
        )),
    }
}
