//! Shares: how the parts of something scarce, such as calls in flight, are divided among workflows and runs.
//!
//! A workflow that has some parts gets another only while it has fewer than are free. So one workflow alone gets half, two get
//! a third each, and so on. A run that has some parts gets another only while it has fewer than a third of those that are
//! free, so a run alone gets a quarter. A workflow or run that has none gets one as long as any is free. So however many parts
//! some of them ask for, and however long they keep them, something is left for newcomers.
//!
//! Waiting calls and runs are served in turns: workflow by workflow, and run by run within a workflow.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use dormouse_journal::RunId;

/// A run gets another part while it has fewer parts than the free parts divided by this number.
const RUN: usize = 3;

/// A run, and the workflow whose share it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Requester {
    pub(crate) workflow: Arc<str>,
    pub(crate) run: RunId,
}

/// The parts that are shared, and what waits for a part.
pub(crate) struct Shares<T> {
    free: usize,
    used: usize,
    workflows: HashMap<Arc<str>, Workflow<T>>,
    /// The workflows for which something may wait, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    waiting: usize,
}

struct Workflow<T> {
    used: usize,
    runs: HashMap<RunId, Run<T>>,
    /// The runs for which something may wait, in the order of their turns.
    turns: VecDeque<RunId>,
    has_turn: bool,
}

struct Run<T> {
    used: usize,
    waiting: VecDeque<T>,
    has_turn: bool,
}

impl<T> Shares<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Shares {
            free: capacity,
            used: 0,
            workflows: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
        }
    }

    /// Returns how many parts are used.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    /// Adds something that waits for a part.
    pub(crate) fn push(&mut self, requester: &Requester, item: T) {
        let workflow = self
            .workflows
            .entry(requester.workflow.clone())
            .or_insert_with(Workflow::new);
        let run = workflow.runs.entry(requester.run).or_insert_with(Run::new);
        run.waiting.push_back(item);
        self.waiting += 1;
        if !std::mem::replace(&mut run.has_turn, true) {
            workflow.turns.push_back(requester.run);
        }
        if !std::mem::replace(&mut workflow.has_turn, true) {
            self.turns.push_back(requester.workflow.clone());
        }
    }

    /// Gives a part to the run that has the next turn, and returns what waited for it. None if no run may have a part now.
    ///
    /// Only runs that use a part are ever passed over, so the number of parts bounds the time that this takes.
    pub(crate) fn next(&mut self) -> Option<(Requester, T)> {
        for _ in 0..self.turns.len() {
            if self.free == 0 || self.waiting == 0 {
                return None;
            }
            let name = self.turns.pop_front()?;
            let Some(workflow) = self.workflows.get_mut(&name) else {
                continue;
            };
            let may_have = workflow.used == 0 || workflow.used < self.free;
            let next = may_have.then(|| workflow.next(self.free)).flatten();
            workflow.has_turn = !workflow.turns.is_empty();
            if workflow.has_turn {
                self.turns.push_back(name.clone());
            }
            let is_over = workflow.runs.is_empty();
            if let Some((run, item)) = next {
                workflow.used += 1;
                self.free -= 1;
                self.used += 1;
                self.waiting -= 1;
                let workflow = name;
                return Some((Requester { workflow, run }, item));
            }
            if is_over {
                self.workflows.remove(&name);
            }
        }
        None
    }

    /// Takes a part back.
    pub(crate) fn done(&mut self, requester: &Requester) {
        let Some(workflow) = self.workflows.get_mut(&requester.workflow) else {
            return;
        };
        let Some(run) = workflow.runs.get_mut(&requester.run) else {
            return;
        };
        if run.used == 0 {
            return;
        }
        run.used -= 1;
        workflow.used -= 1;
        self.free += 1;
        self.used -= 1;
        if run.used == 0 && !run.has_turn {
            workflow.runs.remove(&requester.run);
        }
        if workflow.runs.is_empty() && !workflow.has_turn {
            self.workflows.remove(&requester.workflow);
        }
    }

    /// Removes what waits for a run, without giving it a part.
    pub(crate) fn forget(&mut self, requester: &Requester) -> VecDeque<T> {
        let run = self
            .workflows
            .get_mut(&requester.workflow)
            .and_then(|workflow| workflow.runs.get_mut(&requester.run));
        // Its turn stays, and is passed over when it comes.
        let forgotten = run.map(|run| std::mem::take(&mut run.waiting));
        let forgotten = forgotten.unwrap_or_default();
        self.waiting -= forgotten.len();
        forgotten
    }
}

impl<T> Workflow<T> {
    fn new() -> Self {
        Workflow {
            used: 0,
            runs: HashMap::new(),
            turns: VecDeque::new(),
            has_turn: false,
        }
    }

    /// Returns what waits for the run that has the next turn and may have a part.
    fn next(&mut self, free: usize) -> Option<(RunId, T)> {
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let Some(run) = self.runs.get_mut(&id) else {
                continue;
            };
            let may_have = run.used == 0 || run.used * RUN < free;
            let item = may_have.then(|| run.waiting.pop_front()).flatten();
            run.has_turn = !run.waiting.is_empty();
            if run.has_turn {
                self.turns.push_back(id);
            }
            if let Some(item) = item {
                run.used += 1;
                return Some((id, item));
            }
            if !run.has_turn && run.used == 0 {
                self.runs.remove(&id);
            }
        }
        None
    }
}

impl<T> Run<T> {
    fn new() -> Self {
        Run {
            used: 0,
            waiting: VecDeque::new(),
            has_turn: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requester(workflow: &str, run: u8) -> Requester {
        Requester {
            workflow: workflow.into(),
            run: RunId([run; 16]),
        }
    }

    /// Takes parts until none is given, and returns the requesters that got them, in order.
    fn take(shares: &mut Shares<()>) -> Vec<Requester> {
        std::iter::from_fn(|| shares.next())
            .map(|(requester, ())| requester)
            .collect()
    }

    fn full(capacity: usize, requesters: &[Requester], each: usize) -> Shares<()> {
        let mut shares = Shares::new(capacity);
        for requester in requesters {
            for _ in 0..each {
                shares.push(requester, ());
            }
        }
        shares
    }

    #[test]
    fn a_run_alone_gets_a_quarter_and_a_workflow_alone_a_half() {
        let mut shares = full(1_024, &[requester("a", 1)], 10_000);
        assert_eq!(take(&mut shares).len(), 256);
        let runs: Vec<Requester> = (0..9).map(|run| requester("a", run)).collect();
        let mut shares = full(1_024, &runs, 10_000);
        assert_eq!(take(&mut shares).len(), 512);
    }

    #[test]
    fn whatever_some_hold_others_get_something_at_once() {
        let runs: Vec<Requester> = (0..200).map(|run| requester("a", run)).collect();
        let mut shares = full(1_024, &runs, 100);
        take(&mut shares);
        let others: Vec<Requester> = (0..200).map(|run| requester("b", run)).collect();
        for other in &others {
            shares.push(other, ());
        }
        shares.push(&requester("c", 7), ());
        assert!(take(&mut shares).contains(&requester("c", 7)));
        // Another run of the workflow that holds most has its turn after the runs that came before it.
        shares.push(&requester("a", 201), ());
        assert_eq!(take(&mut shares), []);
        for (turns, run) in runs.iter().cycle().enumerate() {
            shares.done(run);
            if take(&mut shares).contains(&requester("a", 201)) {
                break;
            }
            assert!(turns < 1_000, "its turn never comes");
        }
    }

    #[test]
    fn with_only_one_part_everybody_has_a_turn() {
        let mut shares = full(
            1,
            &[requester("a", 1), requester("a", 2), requester("b", 3)],
            2,
        );
        let mut turns = Vec::new();
        while let Some((requester, ())) = shares.next() {
            assert!(shares.next().is_none(), "there is only one");
            turns.push(requester.run.0[0]);
            shares.done(&requester);
        }
        assert_eq!(turns, [1, 3, 2, 3, 1, 2]);
    }

    #[test]
    fn a_forgotten_run_leaves_no_entry() {
        let all = [requester("a", 1), requester("a", 2), requester("b", 3)];
        let mut shares = full(8, &all, 5);
        let taken = take(&mut shares);
        for requester in &all {
            shares.forget(requester);
        }
        for requester in &taken {
            shares.done(requester);
        }
        assert_eq!(take(&mut shares), []);
        shares.push(&all[0], ());
        let (last, ()) = shares.next().unwrap();
        shares.done(&last);
        assert_eq!((shares.free, shares.used, shares.waiting), (8, 0, 0));
        take(&mut shares);
        shares.push(&all[2], ());
        let (last, ()) = shares.next().unwrap();
        shares.done(&last);
        assert!(shares.workflows.len() <= 1, "{}", shares.workflows.len());
    }
}
