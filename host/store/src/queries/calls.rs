//! Reads of calls that have no result yet.

use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{OperationNumber, RunId, SecretHeader};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::after;
use crate::tables::call_requests::{self, Call, LargeCall};
use crate::tables::calls::{self, Attempts, Outstanding};
use crate::tables::{SealedSecret, call_bodies, held_calls, secrets};
use crate::views::{CallPage, OutstandingCall, SendingView};

impl<R: Rows> View<R> {
    /// Returns a call, with the present values of the secrets that it names. A large body is not read.
    pub(crate) fn sending(
        &self,
        run: RunId,
        operation: OperationNumber,
    ) -> Result<Option<SendingView>, ReadError> {
        let Some((row, large)) = self.wanted(run, operation)? else {
            return Ok(None);
        };
        let is_paused = !self.pauses_of(&[run])?.is_empty();
        let LargeCall {
            mut call,
            body: mut large_body,
        } = large;
        let own = &mut call.request.body;
        // Rows of earlier versions have their body, whatever its size.
        if call_bodies::is_large(own.len()) {
            large_body = Some(std::mem::take(own).len() as u64);
        }
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
            large_body,
            attempts: row.attempts,
            bounds: row.bounds,
            workflow,
            secrets,
            is_paused,
        }))
    }

    /// Returns the body of a call, if its attempts are still the given ones. An attempt that is under way may go on after
    /// its run was paused or failed, so held calls have bodies too.
    pub(crate) fn call_body(
        &self,
        run: RunId,
        operation: OperationNumber,
        attempts: Attempts,
    ) -> Result<Option<Bytes>, ReadError> {
        let (rows, key) = (&self.0, (run, operation));
        let row = match calls::get(rows, key)? {
            Some(row) => Some(row),
            None => held_calls::TABLE.get(rows, key)?,
        };
        // After the run was taken back, another call may have this number. The attempts of that call are later ones.
        let Some(row) = row.filter(|row| row.attempts == attempts) else {
            return Ok(None);
        };
        let call = call_requests::get(rows, key, row.call)?;
        call_requests::get_body(rows, key, &call).map(Some)
    }

    /// Returns a call with its body.
    pub(crate) fn call(
        &self,
        run: RunId,
        operation: OperationNumber,
    ) -> Result<Option<Call>, ReadError> {
        let Some((_, mut large)) = self.wanted(run, operation)? else {
            return Ok(None);
        };
        large.call.request.body = call_requests::get_body(&self.0, (run, operation), &large)?;
        Ok(Some(large.call))
    }

    /// Returns a call that has no result yet, without its body if that is in a table of its own.
    fn wanted(
        &self,
        run: RunId,
        operation: OperationNumber,
    ) -> Result<Option<(Outstanding, LargeCall)>, ReadError> {
        let (rows, key) = (&self.0, (run, operation));
        let Some(mut row) = calls::TABLE.get(rows, key)? else {
            return Ok(None);
        };
        // The calls of an ended run are cleared in pieces, and are not made meanwhile.
        if self.has_ended(run)? || self.is_set_aside(run, operation)? {
            return Ok(None);
        }
        let call = call_requests::get(rows, key, row.call.take())?;
        Ok(Some((row, call)))
    }

    /// Returns those of the secrets of these names that exist.
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

    /// Returns at most this many calls, after the one given.
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
                // The calls of an ended run stay in the table until they are cleared. If the row of a run is damaged,
                // the calls of other runs are found nevertheless.
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

    /// Returns the name of a run's workflow, or an empty name if the run's row is damaged, so that the calls of other
    /// runs are found.
    fn workflow_of(&self, run: RunId) -> Arc<str> {
        let stored = self.stored(run).ok().flatten();
        stored.map_or_else(|| "".into(), |stored| stored.run.workflow.into())
    }

    /// Returns true if a call was made after the point to which its run was taken back, and is about to be closed.
    fn is_set_aside(&self, run: RunId, operation: OperationNumber) -> Result<bool, ReadError> {
        let state_row = self.state_row(run)?;
        let state = state_row.map(|state_row| state_row.state);
        Ok(state.is_some_and(|state| state.is_restoring && operation.0 >= state.operations))
    }

    /// Returns true if a run has ended. Its open operations are cleared after that, in pieces.
    pub(super) fn has_ended(&self, run: RunId) -> Result<bool, ReadError> {
        let state_row = self.state_row(run)?;
        Ok(state_row.is_some_and(|state_row| state_row.state.status.has_ended()))
    }
}
