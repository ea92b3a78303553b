//! Runs as they are shown.

use std::collections::BTreeMap;
use std::ops::Bound;

use dormouse_journal::{
    End, Kind, LogLine, Open, OperationNumber, Payload, RunId, Status, WebhookNumber,
};

use crate::tables::states::Standing;
use crate::tables::{
    Run, RunKey, State, Webhook, due, inputs, journal, logs, open, runs, runs_by_status,
    runs_by_workflow, states, webhooks,
};
use crate::{ReadError, Snapshot};

/// A run: what never changes about it, and where it stands.
#[derive(Debug, Clone)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// What never changes.
    pub run: Run,
    /// Where it stands.
    pub state: State,
}

/// A webhook of a run.
#[derive(Debug, Clone)]
pub struct WebhookView {
    /// Which.
    pub number: WebhookNumber,
    /// The webhook.
    pub webhook: Webhook,
    /// As the guest was given it.
    pub url: String,
}

/// Which runs to list.
#[derive(Debug, Clone, Default)]
pub struct RunQuery {
    /// Of this workflow only.
    pub workflow: Option<String>,
    /// With this status only.
    pub status: Option<Status>,
    /// Older than this run only.
    pub before: Option<RunId>,
    /// At most so many.
    pub limit: usize,
}

/// Runs, newest first.
#[derive(Debug, Clone)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<RunView>,
    /// Where the next page begins, if there may be one.
    pub next: Option<RunId>,
}

/// How many rows of an index one page looks at when two conditions must hold. A page may come back short, with a
/// cursor, rather than take long.
const SCAN: usize = 10_000;

/// A webhook's row names the record that has its URL.
const MISSING_URL: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "webhooks",
};

/// A run that has completed has an end in its last record.
const MISSING_OUTPUT: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "states",
};

impl Snapshot {
    /// What never changes about a run.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn run(&self, run: RunId) -> Result<Option<Run>, ReadError> {
        Ok(self.run_row(run)?.map(|row| row.run))
    }

    fn run_row(&self, run: RunId) -> Result<Option<runs::Row>, ReadError> {
        runs::TABLE.get(&self.table(runs::TABLE.definition())?, run.0)
    }

    /// Where a run stands.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn state(&self, run: RunId) -> Result<Option<State>, ReadError> {
        match self.standing(run)? {
            Some(standing) => Ok(Some(standing.state)),
            None => Ok(self.run(run)?.map(|run| State::pending(run.created))),
        }
    }

    /// The row of a run that is not pending.
    fn standing(&self, run: RunId) -> Result<Option<Standing>, ReadError> {
        states::TABLE.get(&self.table(states::TABLE.definition())?, run.0)
    }

    /// A run as a whole.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn view(&self, id: RunId) -> Result<Option<RunView>, ReadError> {
        let Some(run) = self.run(id)? else {
            return Ok(None);
        };
        let state = match self.standing(id)? {
            Some(standing) => standing.state,
            None => State::pending(run.created),
        };
        Ok(Some(RunView { id, run, state }))
    }

    /// What a run was started with.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn input(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        match self.run_row(run)? {
            Some(runs::Row { input: None, .. }) => {
                inputs::TABLE.get(&self.table(inputs::TABLE.definition())?, run.0)
            }
            row => Ok(row.and_then(|row| row.input)),
        }
    }

    /// What a run gave, if it has completed.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn output(&self, run: RunId) -> Result<Option<Payload>, ReadError> {
        let state = self.state(run)?;
        let Some(state) = state.filter(|state| state.status == Status::Completed) else {
            return Ok(None);
        };
        let table = self.table(journal::TABLE.definition())?;
        let last = (
            run.0,
            journal::GENERATION,
            state.activations.saturating_sub(1),
        );
        match journal::TABLE.get(&table, last)?.and_then(|last| last.end) {
            Some(End::Completed(output)) => Ok(Some(output)),
            _ => Err(MISSING_OUTPUT),
        }
    }

    /// The operations of a run that have not completed, and at most so many.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn open(
        &self,
        run: RunId,
        limit: usize,
    ) -> Result<Vec<(OperationNumber, Open)>, ReadError> {
        let Some(Standing { open: first, .. }) = self.standing(run)? else {
            return Ok(Vec::new());
        };
        let table = self.table(open::TABLE.definition())?;
        let all = first.all(&open::TABLE, &table, run.0, limit)?.into_iter();
        Ok(all
            .map(|(number, row)| (OperationNumber(number), row))
            .collect())
    }

    /// One webhook.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn webhook(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<Option<Webhook>, ReadError> {
        let Some(Standing {
            webhooks: first, ..
        }) = self.standing(run)?
        else {
            return Ok(None);
        };
        let table = self.table(webhooks::TABLE.definition())?;
        first.get(&webhooks::TABLE, &table, (run.0, webhook.0))
    }

    /// The webhooks of a run.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged, or the record that has a webhook's URL is.
    pub fn webhooks(&self, run: RunId) -> Result<Vec<WebhookView>, ReadError> {
        self.first_webhooks(run, usize::MAX)
    }

    /// The webhooks of a run that it created first, and at most so many.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn first_webhooks(&self, run: RunId, limit: usize) -> Result<Vec<WebhookView>, ReadError> {
        let Some(Standing {
            webhooks: first, ..
        }) = self.standing(run)?
        else {
            return Ok(Vec::new());
        };
        let table = self.table(webhooks::TABLE.definition())?;
        let mut views = Vec::new();
        // Those that one activation created lie together, and its record is read once for all of them.
        let mut created = (None, BTreeMap::new());
        for (number, webhook) in first.all(&webhooks::TABLE, &table, run.0, limit)? {
            let number = WebhookNumber(number);
            if created.0 != Some(webhook.activation) {
                let urls = self.urls_created(run, webhook.activation)?;
                created = (Some(webhook.activation), urls);
            }
            let url = created.1.remove(&number).ok_or(MISSING_URL)?;
            views.push(WebhookView {
                number,
                webhook,
                url,
            });
        }
        Ok(views)
    }

    /// The URLs of the webhooks that an activation created.
    fn urls_created(
        &self,
        run: RunId,
        activation: u32,
    ) -> Result<BTreeMap<WebhookNumber, String>, ReadError> {
        let table = self.table(journal::TABLE.definition())?;
        let record = journal::TABLE.get(&table, (run.0, journal::GENERATION, activation))?;
        let operations = record.ok_or(MISSING_URL)?.operations.into_iter();
        Ok(operations
            .filter_map(|operation| match operation.kind {
                Kind::CreateWebhook { webhook, url, .. } => Some((webhook, url)),
                _ => None,
            })
            .collect())
    }

    /// The log lines of a run, each with the number of its activation.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn logs(&self, run: RunId) -> Result<Vec<(u32, LogLine)>, ReadError> {
        let table = self.table(logs::TABLE.definition())?;
        let range = table.range((run.0, 0, 0)..=(run.0, u32::MAX, u32::MAX))?;
        range
            .map(|item| {
                let (key, value) = item?;
                Ok((key.value().1, logs::TABLE.decode(value.value())?))
            })
            .collect()
    }

    /// A page of runs, newest first.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn runs(&self, query: &RunQuery) -> Result<RunPage, ReadError> {
        let ids = self.run_ids(query)?;
        let mut page = RunPage {
            runs: Vec::new(),
            next: None,
        };
        let mut last = None;
        for (seen, id) in ids.enumerate() {
            let id = id?;
            if page.runs.len() == query.limit || seen == SCAN {
                page.next = last;
                break;
            }
            last = Some(id);
            let Some(view) = self.view(id)? else { continue };
            let workflow = query.workflow.as_ref();
            if workflow.is_none_or(|workflow| *workflow == view.run.workflow)
                && query
                    .status
                    .is_none_or(|status| status == view.state.status)
            {
                page.runs.push(view);
            }
        }
        Ok(page)
    }

    /// Ids by the narrowest index: status, else workflow, else all.
    fn run_ids(
        &self,
        query: &RunQuery,
    ) -> Result<Box<dyn Iterator<Item = Result<RunId, ReadError>>>, ReadError> {
        let end = query.before.map_or([0xff; 16], |run| run.0);
        if let Some(status) = query.status {
            let Some(tag) = runs_by_status::tag(status) else {
                let ids = self.table(due::TABLE)?.range::<RunKey>(..end)?;
                return Ok(Box::new(ids.rev().map(|item| Ok(RunId(item?.0.value())))));
            };
            let range = (Bound::Included((tag, [0; 16])), Bound::Excluded((tag, end)));
            let ids = self
                .table(runs_by_status::TABLE)?
                .range::<(u8, RunKey)>(range)?;
            Ok(Box::new(ids.rev().map(|item| Ok(RunId(item?.0.value().1)))))
        } else if let Some(workflow) = &query.workflow {
            let range = (
                Bound::Included((workflow.as_str(), [0; 16])),
                Bound::Excluded((workflow.as_str(), end)),
            );
            let ids = self
                .table(runs_by_workflow::TABLE)?
                .range::<(&str, RunKey)>(range)?;
            Ok(Box::new(ids.rev().map(|item| Ok(RunId(item?.0.value().1)))))
        } else {
            let ids = self
                .table(runs::TABLE.definition())?
                .range::<RunKey>(..end)?;
            Ok(Box::new(ids.rev().map(|item| Ok(RunId(item?.0.value())))))
        }
    }
}
