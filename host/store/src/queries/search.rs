//! Finds runs by workflow, status, version, labels, parent, times, failure and what they wait for, newest first.
//!
//! Every index has its runs in the order of their ids, which begin with the time of creation. A search walks through
//! all indexes of its conditions at the same time, each from the newest run down, and returns the runs that are in all
//! of them. A walk that lags behind the others skips to where they are, so an index with few runs lets a walk skip many
//! runs of another. Conditions without an index (version, failure, when a run ended, when exactly it was created) are
//! checked on the rows of the runs that were found, of which only the beginning is decoded. The condition what a run
//! waits for is checked last, on all of its open operations.
//!
//! The work for one page is bounded by [`SCAN`]. A page that reaches this bound ends there, short or empty, and says
//! where to continue.

use std::ops::Bound::Included;

use dormouse_journal::{RunId, Status, Time, VersionId};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::keys::MinMax;
use crate::tables::states::{self, StateHead, StateRow};
use crate::tables::{children, due, runs, runs_by_label, runs_by_status, runs_by_workflow};
use crate::views::{RunPage, RunQuery, RunView, TimeRange};

/// The number of index keys that are read for one page. A run that is in all indexes counts for [`ROW`] keys, and each
/// row of an open operation counts for one.
const SCAN: usize = 10_000;

/// The number of keys that reading the rows of a run counts for: rows are looked up one by one, whereas keys are read
/// in order.
const ROW: usize = 2;

/// The number of keys that a walk reads at once: the first number and the largest. It begins small, because a walk that
/// skips much uses few of the keys that it has read.
const BATCH: (usize, usize) = (8, 256);

/// How long before its creation a run may have got its id, in milliseconds: a start waits in the queue.
const QUEUED: u64 = 60_000;

/// How far ahead of the clock an id may be, in milliseconds: more ids than fit may be made within a millisecond.
const AHEAD: u64 = 10;

/// The number of bytes of a failure's message in a list.
const LISTED_MESSAGE: usize = 1_024;

impl<R: Rows> View<R> {
    /// Returns a page of runs, newest first.
    pub(crate) fn runs(&self, query: &RunQuery) -> Result<RunPage, ReadError> {
        let mut page = RunPage {
            runs: Vec::new(),
            next: None,
        };
        let Some(mut search) = Search::new(&self.0, query) else {
            return Ok(page);
        };
        while page.runs.len() < query.limit {
            match search.next()? {
                Found::Run(run) => {
                    if let Some((view, state_row)) = self.matching(query, &search.statuses, run)?
                        && self.waits(query, run, state_row.as_ref(), &mut search.left)?
                    {
                        page.runs.push(listed(view));
                    }
                }
                Found::TooFar => break,
                Found::End => return Ok(page),
            }
        }
        page.next = search.go_on()?;
        Ok(page)
    }

    /// Returns a run that is in all indexes, if it meets the conditions without an index.
    fn matching(
        &self,
        query: &RunQuery,
        statuses: &[Status],
        run: RunId,
    ) -> Result<Option<(RunView, Option<StateRow>)>, ReadError> {
        if query.version.is_some() || query.other_than.is_some() || !query.created.is_all() {
            let head: Option<(String, VersionId, Time)> = runs::TABLE.get_prefix(&self.0, run)?;
            let is_wanted = head.is_some_and(|(_, version, created)| {
                query.version.is_none_or(|wanted| wanted == version)
                    && query.other_than != Some(version)
                    && query.created.contains(created)
            });
            if !is_wanted {
                return Ok(None);
            }
        }
        if query.failure.is_some() || !query.ended.is_all() {
            let head: Option<StateHead> = states::TABLE.get_prefix(&self.0, run)?;
            let is_wanted = head.is_some_and(|head| {
                let code = head.failure.map(|failure| failure.code);
                (query.failure.is_none() || query.failure == code)
                    && (query.ended.is_all()
                        || head.ended.is_some_and(|ended| query.ended.contains(ended)))
            });
            if !is_wanted {
                return Ok(None);
            }
        }
        let found = self.view_and_state_row(run)?;
        // Pending runs share an index with other runs.
        Ok(found.filter(|(view, _)| statuses.contains(&view.state.status)))
    }

    /// Returns true if a run waits for what the query asks for. Subtracts the cost from what is left.
    fn waits(
        &self,
        query: &RunQuery,
        run: RunId,
        state_row: Option<&StateRow>,
        left: &mut usize,
    ) -> Result<bool, ReadError> {
        let Some(awaited) = query.awaited else {
            return Ok(true);
        };
        // A pending run has made no operation.
        let Some(state_row) = state_row else {
            return Ok(false);
        };
        let (found, read) = self.awaits(run, state_row, awaited)?;
        *left = left.saturating_sub(read);
        Ok(found)
    }
}

/// The result of one step of a search.
enum Found {
    /// A run that is in all indexes.
    Run(RunId),
    /// Nothing was found within the bound.
    TooFar,
    /// There are no more runs.
    End,
}

/// A search that is under way.
struct Search<'q, R> {
    rows: &'q R,
    walks: Vec<Walk<'q>>,
    /// The statuses that a run may have.
    statuses: Vec<Status>,
    /// The oldest id that may match.
    first: RunId,
    /// The newest id that was not checked yet. None if there is none.
    at_most: Option<RunId>,
    /// The number of keys and rows that may still be read.
    left: usize,
}

impl<'q, R: Rows> Search<'q, R> {
    /// Creates a search. None if no run can match.
    fn new(rows: &'q R, query: &'q RunQuery) -> Option<Self> {
        let statuses = statuses(query);
        let (first, last) = ids(query)?;
        if statuses.is_empty() {
            return None;
        }
        let mut indexes: Vec<Vec<Index<'q>>> = Vec::new();
        for label in &query.labels {
            indexes.push(vec![Index::Label(label.to_string())]);
        }
        if let Some(parent) = query.parent {
            indexes.push(vec![Index::Parent(parent)]);
        }
        if statuses.len() < Status::ALL.len() {
            indexes.push(statuses.iter().copied().flat_map(Index::status).collect());
        }
        if let Some(workflow) = &query.workflow {
            indexes.push(vec![Index::Workflow(workflow)]);
        }
        if indexes.is_empty() {
            indexes.push(vec![Index::All]);
        }
        let walks = indexes.into_iter().map(Walk::new);
        Some(Search {
            rows,
            walks: walks.collect(),
            statuses,
            first,
            at_most: Some(last),
            left: SCAN,
        })
    }

    /// Returns the newest run that is in all indexes, of those that were not checked yet.
    fn next(&mut self) -> Result<Found, ReadError> {
        loop {
            if self.left == 0 {
                return Ok(Found::TooFar);
            }
            let Some(at_most) = self.at_most else {
                return Ok(Found::End);
            };
            let Some(newest) = self.agree(at_most)? else {
                self.at_most = None;
                return Ok(Found::End);
            };
            if newest.is_common {
                self.left = self.left.saturating_sub(ROW);
                self.at_most = self.before(newest.run);
                return Ok(Found::Run(newest.run));
            }
            self.at_most = Some(newest.run);
        }
    }

    /// Moves every walk to its newest run that is not newer than this. None if one of them has no more runs.
    fn agree(&mut self, at_most: RunId) -> Result<Option<Newest>, ReadError> {
        let mut run = at_most;
        let mut is_common = true;
        for (place, walk) in self.walks.iter_mut().enumerate() {
            let Some(found) = walk.seek(self.rows, (self.first, run), &mut self.left)? else {
                return Ok(None);
            };
            // The first walk has nothing to agree with.
            is_common &= place == 0 || found == run;
            run = found;
        }
        Ok(Some(Newest { run, is_common }))
    }

    /// Returns the run after which the next page begins, or none if there is no next page.
    fn go_on(&mut self) -> Result<Option<RunId>, ReadError> {
        let Some(at_most) = self.at_most else {
            return Ok(None);
        };
        let more = self.agree(at_most)?;
        Ok(more.map(|_| id(number(at_most).saturating_add(1))))
    }

    /// Returns the id before this one, if it may match.
    fn before(&self, run: RunId) -> Option<RunId> {
        (run > self.first).then(|| id(number(run) - 1))
    }
}

/// The newest run of the last index.
struct Newest {
    run: RunId,
    /// True if the run is in all indexes.
    is_common: bool,
}

/// A walk from the newest run down through several indexes. A run is found if any of the indexes has it.
struct Walk<'q> {
    indexes: Vec<Ahead<'q>>,
}

impl<'q> Walk<'q> {
    fn new(indexes: Vec<Index<'q>>) -> Self {
        let indexes = indexes.into_iter().map(|index| Ahead {
            index,
            ids: Vec::new(),
            batch: BATCH.0,
            is_end: false,
        });
        Walk {
            indexes: indexes.collect(),
        }
    }

    /// Returns the newest run in this range that is in one of the indexes.
    fn seek(
        &mut self,
        rows: &impl Rows,
        range: (RunId, RunId),
        left: &mut usize,
    ) -> Result<Option<RunId>, ReadError> {
        let mut newest = None;
        for index in &mut self.indexes {
            newest = newest.max(index.seek(rows, range, left)?);
        }
        Ok(newest)
    }
}

/// A walk down through one index, with the keys that were read ahead.
struct Ahead<'q> {
    index: Index<'q>,
    /// The ids that were read ahead, the newest last.
    ids: Vec<RunId>,
    /// The number of keys that are read next.
    batch: usize,
    /// True if the index has no more ids than these.
    is_end: bool,
}

impl Ahead<'_> {
    fn seek(
        &mut self,
        rows: &impl Rows,
        (first, last): (RunId, RunId),
        left: &mut usize,
    ) -> Result<Option<RunId>, ReadError> {
        let had = self.ids.len();
        self.ids
            .truncate(self.ids.partition_point(|id| *id <= last));
        if let Some(id) = self.ids.last() {
            return Ok(Some(*id));
        }
        if self.is_end {
            return Ok(None);
        }
        // A walk that skipped many of the keys that it read will probably do so again.
        self.batch = if had > BATCH.0 / 2 {
            BATCH.0
        } else {
            (2 * self.batch).min(BATCH.1)
        };
        self.ids = self.index.ids(rows, (first, last), self.batch)?;
        *left = left.saturating_sub(self.ids.len());
        self.is_end = self.ids.len() < self.batch;
        self.ids.reverse();
        Ok(self.ids.last().copied())
    }
}

/// An index that has runs in the order of their ids.
enum Index<'q> {
    All,
    /// The runs that can go on now. All pending runs that were not set aside are among them.
    Due,
    Status(u8),
    Workflow(&'q str),
    /// A label as `key:value`.
    Label(String),
    /// The runs that this run has started.
    Parent(RunId),
}

impl Index<'_> {
    fn status(status: Status) -> Vec<Self> {
        match runs_by_status::tag(status) {
            Some(tag) => vec![Index::Status(tag)],
            None => vec![Index::Due, Index::Status(runs_by_status::PENDING_ASIDE)],
        }
    }

    /// Returns at most this many ids in a range, the newest first.
    fn ids(
        &self,
        rows: &impl Rows,
        (first, last): (RunId, RunId),
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError> {
        fn second<T>(keys: Vec<(T, RunId)>) -> Vec<RunId> {
            keys.into_iter().map(|(_, run)| run).collect()
        }
        match self {
            Index::All => runs::TABLE.keys(rows, (Included(first), Included(last)), true, limit),
            Index::Due => due::TABLE.keys(rows, (Included(first), Included(last)), true, limit),
            Index::Status(tag) => {
                let range = (Included((*tag, first)), Included((*tag, last)));
                Ok(second(
                    runs_by_status::TABLE.keys(rows, range, true, limit)?,
                ))
            }
            Index::Workflow(name) => {
                let range = (Included((*name, first)), Included((*name, last)));
                Ok(second(
                    runs_by_workflow::TABLE.keys(rows, range, true, limit)?,
                ))
            }
            Index::Label(label) => {
                let label = label.as_str();
                let range = (Included((label, first)), Included((label, last)));
                Ok(second(runs_by_label::TABLE.keys(rows, range, true, limit)?))
            }
            Index::Parent(parent) => {
                let range = (Included((*parent, first)), Included((*parent, last)));
                Ok(second(children::TABLE.keys(rows, range, true, limit)?))
            }
        }
    }
}

/// Returns the statuses that a matching run may have.
fn statuses(query: &RunQuery) -> Vec<Status> {
    let mut statuses = Status::ALL.to_vec();
    if let Some(wanted) = query.status {
        statuses.retain(|status| *status == wanted);
    }
    if query.alive {
        statuses.retain(|status| !status.has_ended());
    }
    if query.failure.is_some() {
        statuses.retain(|status| matches!(status, Status::Failed | Status::Blocked));
    }
    if !query.ended.is_all() {
        statuses.retain(|status| status.has_ended());
    }
    if query.awaited.is_some() {
        statuses.retain(|status| !status.has_ended() && *status != Status::Pending);
    }
    statuses
}

/// Returns the first and the last id that a matching run may have. None if no run can match.
fn ids(query: &RunQuery) -> Option<(RunId, RunId)> {
    let (mut first, mut last) = query.ids.unwrap_or((RunId::MIN, RunId::MAX));
    if let Some(since) = query.created.since {
        first = first.max(RunId::first_at(Time(since.0.saturating_sub(QUEUED))));
    }
    // No run ends before it is created.
    for until in [query.created.until, query.ended.until]
        .into_iter()
        .flatten()
    {
        last = last.min(RunId::last_at(until.after(AHEAD)));
    }
    if let Some(before) = query.before {
        last = last.min(id(number(before).checked_sub(1)?));
    }
    (first <= last).then_some((first, last))
}

fn number(run: RunId) -> u128 {
    u128::from_be_bytes(run.0)
}

fn id(number: u128) -> RunId {
    RunId(number.to_be_bytes())
}

/// Returns a run as it is in lists. The reader of a list holds all of it in memory, so values that an author can make
/// as large as a body are cut: the message of a failure, and the headers of the start.
fn listed(mut view: RunView) -> RunView {
    view.run.headers = Vec::new();
    if let Some(failure) = &mut view.state.failure
        && failure.message.len() > LISTED_MESSAGE
    {
        let end = failure.message.floor_char_boundary(LISTED_MESSAGE);
        failure.message.truncate(end);
        failure.message.shrink_to_fit();
        failure.message.push('…');
    }
    view
}

impl TimeRange {
    /// Returns true if the range has no bounds.
    fn is_all(self) -> bool {
        self == TimeRange::default()
    }

    fn contains(self, time: Time) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}
