//! Taking a run back to before one of its steps was answered: the part of its journal that stays, and the operations
//! that are open at that point.
//!
//! There are two passes over the journal: [`StepSearch`] finds the step, and [`Retrace`] follows the run to that point and
//! beyond.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::without_query;
use crate::{
    Activation, Change, Frontier, Kind, Open, Operation, OperationNumber, Outcome, Time,
    WebhookNumber,
};

/// The number of steps that are named in an error as possible points.
const NAMED: usize = 10;

/// The largest number of items of each kind that are listed of what came after the point.
const LISTED: usize = 100;

/// The name of a step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepName {
    /// The last step with this name.
    Name(String),
    /// The operation of this number.
    Number(OperationNumber),
}

impl From<&str> for StepName {
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(number) => StepName::Number(OperationNumber(number)),
            Err(_) => StepName::Name(text.to_owned()),
        }
    }
}

/// A step to which a run may be taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundStep {
    /// The number of the step's operation.
    pub operation: OperationNumber,
    /// The operation.
    pub made: Operation,
    /// The number of the activation that made it.
    made_by: u32,
    /// The number of the activation that took its outcome or gave it up.
    answered_by: Option<u32>,
    /// The outcome of the operation, if it has completed.
    pub answer: Option<Outcome>,
}

impl FoundStep {
    /// Returns the number of activations that stay if the run is taken back to before the step was answered. If the
    /// host answers the operation at once, that is to before it was made. None if the step has no answer.
    #[must_use]
    pub fn keeps(&self) -> Option<u32> {
        match &self.made.kind {
            kind if is_answered_at_once(kind) => Some(self.made_by),
            _ => self.answered_by,
        }
    }

    /// Returns true if the operation is open at the point, so that the host does it again.
    #[must_use]
    pub fn is_done_again(&self) -> bool {
        !is_answered_at_once(&self.made.kind) && self.keeps() != Some(self.made_by)
    }
}

/// Returns true if the host itself always answers an operation of this kind.
fn is_answered_at_once(kind: &Kind) -> bool {
    !kind.completes() || kind.is_order() || matches!(kind, Kind::Notify { .. })
}

/// Searches for a step in the journal of a generation.
#[derive(Debug)]
pub struct StepSearch {
    wanted: StepName,
    found: Option<FoundStep>,
    /// The names of the last steps that were made.
    last: Vec<String>,
}

impl StepSearch {
    /// Creates a search for this step.
    #[must_use]
    pub fn new(wanted: StepName) -> Self {
        StepSearch {
            wanted,
            found: None,
            last: Vec::new(),
        }
    }

    /// Looks at the activation with this number. `first` is the number of its first operation.
    pub fn look(&mut self, first: OperationNumber, number: u32, activation: &Activation) {
        if let Some(found) = &mut self.found
            && found.answered_by.is_none()
            && is_done_with(activation, found.operation)
        {
            found.answered_by = Some(number);
            let completion = activation.completion.as_ref();
            let given = completion.filter(|completion| completion.operation == found.operation);
            found.answer = given.map(|completion| completion.outcome.clone());
        }
        for (operation, made) in (first.0..).zip(&activation.operations) {
            let operation = OperationNumber(operation);
            if !matches!(made.kind, Kind::Abandon { .. }) {
                self.last.retain(|step| *step != made.step);
                self.last.push(made.step.clone());
                if self.last.len() > NAMED {
                    self.last.remove(0);
                }
            }
            let is_wanted = match &self.wanted {
                StepName::Name(name) => {
                    made.step == *name && !matches!(made.kind, Kind::Abandon { .. })
                }
                StepName::Number(number) => operation == *number,
            };
            if is_wanted {
                let given_up = activation.end.is_none() && gives_up(activation, operation);
                self.found = Some(FoundStep {
                    operation,
                    made: made.clone(),
                    made_by: number,
                    answered_by: given_up.then_some(number),
                    answer: None,
                });
            }
        }
    }

    /// Returns the step, if the run has made it, and the last steps that it has made, the newest first.
    #[must_use]
    pub fn found(self) -> (Option<FoundStep>, Vec<String>) {
        (self.found, self.last.into_iter().rev().collect())
    }
}

/// Returns true if an operation completed with this activation, or was given up in it.
fn is_done_with(activation: &Activation, operation: OperationNumber) -> bool {
    let completion = activation.completion.as_ref();
    completion.is_some_and(|completion| completion.operation == operation)
        || (activation.end.is_none() && gives_up(activation, operation))
}

fn gives_up(activation: &Activation, operation: OperationNumber) -> bool {
    activation.operations.iter().any(|made| match &made.kind {
        Kind::Abandon { operations, .. } => operations.contains(&operation),
        _ => false,
    })
}

/// Follows a run to the point to which it is taken back, and lists what came after it.
#[derive(Debug)]
pub struct Retrace {
    keep: u32,
    next: u32,
    at: Frontier,
    /// The number of operations that were made before the point.
    operations: u32,
    /// The size of the records that stay, in bytes.
    journal_bytes: u64,
    /// The time of the first activation after the point.
    left: Option<Time>,
    /// The operations that were open at the point and are no longer open. True if the operation has completed.
    done: BTreeMap<OperationNumber, bool>,
    /// The operations that were made after the point and are still open.
    made: BTreeMap<OperationNumber, Operation>,
    after: AfterPoint,
}

/// What came after the point to which a run is taken back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AfterPoint {
    /// The calls that were answered: the operation, its step, and the method and URL of the call.
    pub calls: Excerpt<(OperationNumber, String, String)>,
    /// The runs that were started: the operation that started each, and the run's id.
    pub started: Excerpt<(OperationNumber, String)>,
    /// The items that were taken from the inboxes.
    pub taken: Excerpt<TakenItem>,
    /// True if a record does not say where its completion came from.
    pub is_too_old: bool,
}

/// The first items of a list, and the number of all items.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt<T> {
    /// The first items.
    pub first: Vec<T>,
    /// The number of all items.
    pub count: u64,
}

impl<T> Default for Excerpt<T> {
    fn default() -> Self {
        Excerpt {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Excerpt<T> {
    /// Adds an item.
    pub fn push(&mut self, one: T) {
        if self.first.len() < LISTED {
            self.first.push(one);
        }
        self.count += 1;
    }
}

/// An item that a run took from an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenItem {
    /// A request.
    Request {
        /// The webhook that it was sent to.
        webhook: WebhookNumber,
        /// The id of the request.
        id: String,
    },
    /// An event.
    Event {
        /// The name of the event.
        event: String,
    },
}

/// An operation that waits again, because it was open at the point to which the run is taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reopened {
    /// The number of the operation.
    pub operation: OperationNumber,
    /// The operation as it was at the point.
    pub open: Open,
    /// True if the operation has completed since. Then it gets the same outcome again. Otherwise it was given up since.
    pub has_completed: bool,
}

impl Retrace {
    /// Creates a pass over a generation that begins with this activation and this operation. `keep` is the number of
    /// activations that stay.
    #[must_use]
    pub fn new(first_activation: u32, first_operation: OperationNumber, keep: u32) -> Self {
        Retrace {
            keep,
            next: first_activation,
            at: Frontier::restore([], first_operation.0),
            operations: first_operation.0,
            journal_bytes: 0,
            left: None,
            done: BTreeMap::new(),
            made: BTreeMap::new(),
            after: AfterPoint::default(),
        }
    }

    /// Follows the journal by one activation. `first` is the number of its first operation.
    pub fn follow(&mut self, first: OperationNumber, activation: &Activation) {
        if self.next < self.keep {
            self.at.apply(activation);
            self.operations = first.0 + u32::try_from(activation.operations.len()).unwrap_or(0);
            self.journal_bytes += activation.encode().len() as u64;
        } else {
            self.left.get_or_insert(activation.time);
            self.look(first, activation);
        }
        self.next += 1;
    }

    fn look(&mut self, first: OperationNumber, activation: &Activation) {
        if activation.end.is_some() {
            // The item that this activation took is still where it was, and nothing that the activation decided was
            // done.
            return;
        }
        self.list(activation);
        for change in activation.changes(first) {
            let (operation, has_completed) = match change {
                Change::Closed(operation) => {
                    let completion = activation.completion.as_ref();
                    let completed =
                        completion.is_some_and(|completion| completion.operation == operation);
                    (operation, completed)
                }
                Change::Abandoned(operation) => (operation, false),
                _ => continue,
            };
            self.made.remove(&operation);
            if self.at.get(operation).is_some() {
                self.done.entry(operation).or_insert(has_completed);
            }
        }
        for (number, made) in (first.0..).zip(&activation.operations) {
            if made.kind.completes() {
                self.made.insert(OperationNumber(number), made.clone());
            }
        }
    }

    /// Adds the completion of an activation to the list.
    fn list(&mut self, activation: &Activation) {
        let Some(completion) = &activation.completion else {
            return;
        };
        let operation = completion.operation;
        let made = self.made.remove(&operation);
        if activation.origin.is_none() {
            self.after.is_too_old = true;
            return;
        }
        let kind = match (&made, self.at.get(operation)) {
            (Some(made), _) => Some(&made.kind),
            (None, Some(open)) => Some(&open.kind),
            (None, None) => None,
        };
        match (&completion.outcome, kind) {
            (Outcome::Response(_), Some(Kind::Call { method, url, .. })) => {
                let Some(made) = &made else { return };
                let shown = format!("{method} {}", without_query(url));
                self.after.calls.push((operation, made.step.clone(), shown));
            }
            (Outcome::Started(Ok(run)), _) if made.is_some() => {
                self.after.started.push((operation, run.clone()));
            }
            (Outcome::Delivery(Some(delivery)), Some(Kind::WaitForWebhook { webhook, .. })) => {
                let (webhook, id) = (*webhook, delivery.id.clone());
                self.after.taken.push(TakenItem::Request { webhook, id });
            }
            (Outcome::Event(Some(_)), Some(Kind::WaitForEvent { event, .. })) => {
                let event = event.clone();
                self.after.taken.push(TakenItem::Event { event });
            }
            _ => {}
        }
    }

    /// Returns the number of operations that were made before the point.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// Returns the size of the records that stay, in bytes.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Returns an operation that was open at the point.
    #[must_use]
    pub fn open(&self, operation: OperationNumber) -> Option<&Open> {
        self.at.get(operation)
    }

    /// Returns what came after the point.
    #[must_use]
    pub fn after(&self) -> &AfterPoint {
        &self.after
    }

    /// Returns the operations that wait again at this time. An operation that was given up since gets the time that it
    /// had left.
    #[must_use]
    pub fn reopened(&self, now: Time) -> Vec<Reopened> {
        let stopped_for = self.left.map_or(0, |left| now.0.saturating_sub(left.0));
        let done = self.done.iter();
        let reopened = done.filter_map(|(operation, has_completed)| {
            let mut open = self.at.get(*operation)?.clone();
            if !has_completed {
                open.issued = open.issued.after(stopped_for);
            }
            Some(Reopened {
                operation: *operation,
                open,
                has_completed: *has_completed,
            })
        });
        reopened.collect()
    }

    /// Returns the calls that were open at the point and were given up since, so that they are made again.
    #[must_use]
    pub fn calls_given_up(&self) -> BTreeSet<OperationNumber> {
        let given_up = self.done.iter().filter(|(_, completed)| !**completed);
        let is_call = |operation: &OperationNumber| {
            let open = self.at.get(*operation);
            open.is_some_and(|open| !open.abandoned && matches!(open.kind, Kind::Call { .. }))
        };
        given_up
            .map(|(operation, _)| *operation)
            .filter(is_call)
            .collect()
    }
}
