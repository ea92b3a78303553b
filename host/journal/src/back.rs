//! Taking a run back to before one of its steps was answered: how much of its journal stays, and what it waits for there.
//!
//! Two passes over the journal: [`Seek`] finds the step, and [`Retrace`] follows the run to that point and beyond.

use std::collections::{BTreeMap, BTreeSet};

use crate::operation::without_query;
use crate::{
    Activation, Change, Frontier, Kind, Open, Operation, OperationNumber, Outcome, Time,
    WebhookNumber,
};

/// How many steps are named that a run can be taken back to.
const NAMED: usize = 10;

/// How much of what came after the point is listed of each sort.
const LISTED: usize = 100;

/// What names a step of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepName {
    /// The last step that its author calls so.
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

/// A step that a run may be taken back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Sought {
    /// Which operation it is.
    pub operation: OperationNumber,
    /// What it is.
    pub made: Operation,
    /// The activation that made it.
    made_by: u32,
    /// The activation that was given its outcome, or gave it up.
    answered_by: Option<u32>,
    /// What it was given, if it has completed.
    pub answer: Option<Outcome>,
}

impl Sought {
    /// Returns how many activations stay if the run is taken back to before it was answered: what the host answers at once is
    /// taken back to before it was made. None if it has no answer.
    #[must_use]
    pub fn keeps(&self) -> Option<u32> {
        match &self.made.kind {
            kind if is_answered_at_once(kind) => Some(self.made_by),
            _ => self.answered_by,
        }
    }

    /// Returns true if it is open at the point that the run is taken back to, and so is done again by the host.
    #[must_use]
    pub fn is_done_again(&self) -> bool {
        !is_answered_at_once(&self.made.kind) && self.keeps() != Some(self.made_by)
    }
}

/// Returns true if nothing but the host itself answers an operation of this kind.
fn is_answered_at_once(kind: &Kind) -> bool {
    !kind.completes() || kind.is_order() || matches!(kind, Kind::Notify { .. })
}

/// Looks for a step in the journal of a generation.
#[derive(Debug)]
pub struct Seek {
    wanted: StepName,
    found: Option<Sought>,
    /// The last steps that were made.
    last: Vec<String>,
}

impl Seek {
    /// Looks for this step.
    #[must_use]
    pub fn new(wanted: StepName) -> Self {
        Seek {
            wanted,
            found: None,
            last: Vec::new(),
        }
    }

    /// Looks at the activation of this number, whose first operation has the number `first`.
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
                self.found = Some(Sought {
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
    pub fn found(self) -> (Option<Sought>, Vec<String>) {
        (self.found, self.last.into_iter().rev().collect())
    }
}

/// Returns true if an operation has completed with this activation, or was given up in it.
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

/// Follows a run to the point that it is taken back to, and looks at what came after it.
#[derive(Debug)]
pub struct Retrace {
    keep: u32,
    next: u32,
    at: Frontier,
    /// How many operations were made before that point.
    operations: u32,
    /// The size of the records that stay.
    journal_bytes: u64,
    /// When the first activation beyond that point was made.
    left: Option<Time>,
    /// What was open there and is done with, each with whether it has completed.
    done: BTreeMap<OperationNumber, bool>,
    /// What was made after that point and is not done with.
    made: BTreeMap<OperationNumber, Operation>,
    after: After,
}

/// What came after the point that a run is taken back to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct After {
    /// The calls that were answered: the operation, its step, and what was sent where.
    pub calls: Listed<(OperationNumber, String, String)>,
    /// The runs that were started: by which operation, and the id.
    pub started: Listed<(OperationNumber, String)>,
    /// What was taken from the inboxes.
    pub taken: Listed<Taken>,
    /// True if a record does not say where its completion came from.
    pub is_too_old: bool,
}

/// The first of many, and how many there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The first ones.
    pub first: Vec<T>,
    /// How many there are in all.
    pub count: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Listed {
            first: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Listed<T> {
    /// Adds one.
    pub fn push(&mut self, one: T) {
        if self.first.len() < LISTED {
            self.first.push(one);
        }
        self.count += 1;
    }
}

/// Something that a run took from an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// A request.
    Request {
        /// The webhook that it was sent to.
        webhook: WebhookNumber,
        /// Its id.
        id: String,
    },
    /// An event.
    Event {
        /// Its name.
        event: String,
    },
}

/// An operation that waits again, since it was open at the point that the run is taken back to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reopened {
    /// Which.
    pub operation: OperationNumber,
    /// What it was there.
    pub open: Open,
    /// True if it has completed since. What it got it is given again. Otherwise it was given up since.
    pub has_completed: bool,
}

impl Retrace {
    /// A generation begins with this activation and this operation, and so many activations stay.
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
            after: After::default(),
        }
    }

    /// Follows the journal by one activation, whose first operation has the number `first`.
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
            // What it was given lies where it lay, and nothing of it was performed.
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

    /// Lists what an activation was given.
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
                self.after.taken.push(Taken::Request { webhook, id });
            }
            (Outcome::Event(Some(_)), Some(Kind::WaitForEvent { event, .. })) => {
                let event = event.clone();
                self.after.taken.push(Taken::Event { event });
            }
            _ => {}
        }
    }

    /// How many operations were made before that point.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// The size of the records that stay.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.journal_bytes
    }

    /// Returns what was open there.
    #[must_use]
    pub fn open(&self, operation: OperationNumber) -> Option<&Open> {
        self.at.get(operation)
    }

    /// What came after that point.
    #[must_use]
    pub fn after(&self) -> &After {
        &self.after
    }

    /// Returns the operations that wait again at this time. What was given up since has the time that it had left.
    #[must_use]
    pub fn reopened(&self, now: Time) -> Vec<Reopened> {
        let stood = self.left.map_or(0, |left| now.0.saturating_sub(left.0));
        let done = self.done.iter();
        let reopened = done.filter_map(|(operation, has_completed)| {
            let mut open = self.at.get(*operation)?.clone();
            if !has_completed {
                open.issued = open.issued.after(stood);
            }
            Some(Reopened {
                operation: *operation,
                open,
                has_completed: *has_completed,
            })
        });
        reopened.collect()
    }

    /// Returns those calls that were open there, were given up since, and so are sent again.
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
