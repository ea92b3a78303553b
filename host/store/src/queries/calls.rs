//! Calls that have no result yet.

use std::sync::Arc;

use dormouse_journal::{OperationNumber, RunId, SecretHeader};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::after;
use crate::tables::{SealedSecret, TableId, apart, call_requests, calls, secrets};
use crate::views::{CallPage, OutstandingCall, SendingView};

impl<R: Rows> View<R> {
    /// Returns a call, with the secrets that it names as they are now.
    pub(crate) fn sending(
        &self,
        run: RunId,
        operation: OperationNumber,
    ) -> Result<Option<SendingView>, ReadError> {
        let (rows, key) = (&self.0, (run, operation));
        let Some(row) = calls::TABLE.get(rows, key)? else {
            return Ok(None);
        };
        // What an ended run had open is cleared in pieces, and not sent meanwhile.
        if self.has_ended(run)? || self.is_set_aside(run, operation)? {
            return Ok(None);
        }
        let is_paused = !self.pauses_of(&[run])?.is_empty();
        let call = apart::get(rows, &call_requests::TABLE, key, row.call)?;
        let call = call.ok_or(ReadError::Missing {
            table: TableId::CallRequests.name(),
            named_by: TableId::Calls.name(),
        })?;
        let (workflow, secrets) = match call.secret_headers.as_slice() {
            [] => (String::new(), Vec::new()),
            headers => {
                let stored = self.stored(run)?;
                let names = headers.iter().flat_map(SecretHeader::secrets);
                let workflow = stored.map(|stored| stored.run.workflow);
                (workflow.unwrap_or_default(), self.named_secrets(names)?)
            }
        };
        Ok(Some(SendingView {
            call,
            attempts: row.attempts,
            bounds: row.bounds,
            workflow,
            secrets,
            is_paused,
        }))
    }

    /// Returns the secrets of these names, as far as they exist.
    pub(super) fn named_secrets<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Vec<(String, SealedSecret)>, ReadError> {
        let mut found = Vec::new();
        for name in names {
            let secret = secrets::TABLE.get(&self.0, name)?;
            found.extend(secret.map(|secret| (name.to_owned(), secret)));
        }
        Ok(found)
    }

    /// Returns calls after the one given, at most so many.
    pub(crate) fn calls(
        &self,
        last: Option<(RunId, OperationNumber)>,
        limit: usize,
    ) -> Result<CallPage, ReadError> {
        let mut last = last;
        loop {
            let rows = calls::TABLE.list(&self.0, after(last), limit)?;
            let is_end = rows.len() < limit;
            last = rows.last().map(|(key, _)| *key).or(last);
            let mut found = CallPage::default();
            let mut ended = None;
            for ((run, operation), row) in rows {
                // Those of an ended run lie there until they are cleared. A run whose row is damaged does not keep the
                // calls of others from being found.
                if ended.is_none_or(|(known, _)| known != run) {
                    ended = Some((run, self.has_ended(run).unwrap_or_default()));
                }
                if ended != Some((run, false)) {
                    continue;
                }
                let workflow = match found.calls.last() {
                    Some(last) if last.run == run => last.workflow.clone(),
                    _ => {
                        let paused = self.pauses_of(&[run]).unwrap_or_default();
                        found.paused.extend(paused);
                        self.workflow_of(run)
                    }
                };
                found.calls.push(OutstandingCall {
                    run,
                    workflow,
                    operation,
                    attempts: row.attempts,
                    bounds: row.bounds,
                });
            }
            if is_end || !found.calls.is_empty() {
                return Ok(found);
            }
        }
    }

    /// Returns the name of a run's workflow. A run whose row is damaged does not keep the calls of others from being found.
    fn workflow_of(&self, run: RunId) -> Arc<str> {
        let stored = self.stored(run).ok().flatten();
        stored.map_or_else(|| "".into(), |stored| stored.run.workflow.into())
    }

    /// Returns true if a call was made after the point that its run was taken back to, and is about to be closed.
    fn is_set_aside(&self, run: RunId, operation: OperationNumber) -> Result<bool, ReadError> {
        let standing = self.standing(run)?;
        let state = standing.map(|standing| standing.state);
        Ok(state.is_some_and(|state| state.is_restoring && operation.0 >= state.operations))
    }

    /// Returns true if a run has ended. What it had open is cleared after that, in pieces.
    pub(super) fn has_ended(&self, run: RunId) -> Result<bool, ReadError> {
        let standing = self.standing(run)?;
        Ok(standing.is_some_and(|standing| standing.state.status.has_ended()))
    }
}
