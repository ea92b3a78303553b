//! Ends a generation and begins the next in one commit. The remains of the old one are removed in pieces.

use std::collections::BTreeMap;
use std::ops::Bound;

use dormouse_journal::{
    KeptWebhook, Kind, OperationNumber, Reply, RunId, Transition, WebhookNumber,
};

use super::Write;
use super::commit::{self, close};
use super::prepared::{Prepared, PreparedGeneration};
use super::run::RunWrite;
use crate::ReadError;
use crate::rows::counted::WriteLimit;
use crate::rows::table::between;
use crate::tables::expiries::Expiring;
use crate::tables::generations::{self, Generation};
use crate::tables::{
    Webhook, generation_inputs, inbox, inbox_requests, journal, logs, open, repeats, routed, runs,
    tries, webhooks, workflows,
};

/// The error for a webhook whose row refers to a record or a generation that has no URL for it.
const MISSING_URL: ReadError = ReadError::Missing {
    table: "journal",
    named_by: "webhooks",
};

impl RunWrite<'_> {
    /// Begins the next generation, after the last activation of the old one (with this number) was applied.
    pub(super) fn continue_as_new(
        &mut self,
        number: u32,
        new: &Prepared,
        prepared: &PreparedGeneration,
    ) -> Result<(), ReadError> {
        let next = &prepared.next;
        let kept = self.keep(number, new, &next.keep)?;
        if new.deferral.is_none() {
            self.close_all()?;
            self.close_others(&next.keep)?;
        }
        let row = Generation {
            first_webhook: next.first_webhook,
            kept,
            cancel_asked: self.state().cancel.is_some(),
        };
        let (id, now) = (self.id, self.now);
        generations::TABLE.put(self.rows, id, &row)?;
        generation_inputs::TABLE.put_encoded(self.rows, id, &prepared.input)?;
        if next.on_current_version {
            self.take_current_version()?;
        }
        let state = self.state_mut();
        let old = Expiring::Old {
            run: id,
            activations: state.activations,
            logs: state.first_activation,
        };
        state.generation = state.generation.saturating_add(1);
        state.first_activation = state.activations;
        state.first_operation = state.operations;
        state.journal_bytes = 0;
        state.log_bytes = 0;
        // The orders of the old generation are carried out, but their results go to nobody.
        state.notifying = 0;
        state.branches = Vec::new();
        // The run is neither blocked nor ended, so it can be activated, and the host has work for it.
        let _ = self.transition(Transition::Activated {
            has_host_work: true,
        });
        old.add(self.rows, now)
    }

    /// Gives up all open operations.
    fn close_all(&mut self) -> Result<(), ReadError> {
        for operation in self.loaded.open.numbers() {
            close(self, operation, false)?;
        }
        loop {
            let range = open::TABLE.of(self.id);
            let first: Vec<(RunId, OperationNumber)> =
                open::TABLE.keys(self.rows, range, false, 1)?;
            let Some((_, operation)) = first.first() else {
                return Ok(());
            };
            close(self, *operation, false)?;
        }
    }

    /// Returns the webhooks that are kept, with their URLs.
    fn keep(
        &self,
        number: u32,
        new: &Prepared,
        keep: &[WebhookNumber],
    ) -> Result<Vec<KeptWebhook>, ReadError> {
        let mut urls = BTreeMap::new();
        if let Some(Generation { kept, .. }) = generations::TABLE.get(self.rows, self.id)? {
            urls.extend(kept.into_iter().map(|kept| (kept.number, kept.url)));
        }
        urls.extend(created(&new.activation.operations));
        let mut new_webhooks = match new.deferral {
            Some(_) => self.deferred_webhooks(number, new),
            None => BTreeMap::new(),
        };
        let mut kept = Vec::new();
        for number_kept in keep {
            let known = self.webhook(*number_kept)?;
            let Some(webhook) = known.or_else(|| new_webhooks.remove(number_kept)) else {
                continue;
            };
            if !urls.contains_key(number_kept) && webhook.activation != number {
                let key = self.record_key(webhook.activation);
                let record = journal::TABLE.get(self.rows, key)?.ok_or(MISSING_URL)?;
                urls.extend(created(&record.operations));
            }
            kept.push(KeptWebhook {
                number: *number_kept,
                step: webhook.step,
                url: urls.remove(number_kept).ok_or(MISSING_URL)?,
                takes_answers: matches!(webhook.options.reply, Reply::FromWorkflow(_)),
            });
        }
        Ok(kept)
    }

    /// Returns the webhooks that the activation of this number creates and whose rows are written later.
    fn deferred_webhooks(&self, number: u32, new: &Prepared) -> BTreeMap<WebhookNumber, Webhook> {
        let made = new.activation.operations.iter();
        let webhooks = made.filter_map(|made| match &made.kind {
            Kind::CreateWebhook {
                webhook, options, ..
            } => Some((*webhook, commit::created(self, number, &made.step, options))),
            _ => None,
        });
        webhooks.collect()
    }

    /// Closes at most `limit` open operations of an earlier generation. Returns true if none is left.
    pub(super) fn close_some(&mut self, limit: usize) -> Result<bool, ReadError> {
        let mut open = self.loaded.open.numbers();
        let others = open::TABLE.keys(self.rows, open::TABLE.of(self.id), false, limit + 1)?;
        open.extend(others.into_iter().map(|(_, operation)| operation));
        let is_all = open.len() <= limit;
        open.truncate(limit);
        for operation in open {
            close(self, operation, false)?;
        }
        Ok(is_all)
    }

    /// Closes webhooks of earlier generations that the present one has not kept: those that come after this one, as far
    /// as there are not more than `limit` of them. Returns the last one that was looked at, or none if none is left.
    pub(super) fn close_more(
        &mut self,
        after: Option<WebhookNumber>,
        limit: usize,
    ) -> Result<Option<WebhookNumber>, ReadError> {
        let Some(Generation {
            first_webhook,
            kept,
            ..
        }) = generations::TABLE.get(self.rows, self.id)?
        else {
            return Ok(None);
        };
        let start = after.map_or(Bound::Included((self.id, WebhookNumber(0))), |after| {
            Bound::Excluded((self.id, after))
        });
        let end = Bound::Excluded((self.id, first_webhook));
        let mut numbers = Vec::new();
        // The few webhooks in the run's own row are closed first.
        if after.is_none() {
            let own = self.loaded.webhooks_in_row();
            numbers.extend(own.into_iter().filter(|number| *number < first_webhook));
        }
        let others = webhooks::TABLE.keys(self.rows, (start, end), false, limit)?;
        let next = others.last().map(|(_, number)| *number);
        numbers.extend(others.into_iter().map(|(_, number)| number));
        for number in numbers {
            let is_kept = kept.binary_search_by_key(&number, |kept| kept.number);
            if is_kept.is_err()
                && let Some(webhook) = self.webhook(number)?.filter(|webhook| !webhook.closed)
            {
                self.put_changed_webhook(number, webhook, |webhook| webhook.closed = true)?;
            }
        }
        Ok(next)
    }

    /// Closes the webhooks that are not kept.
    fn close_others(&mut self, keep: &[WebhookNumber]) -> Result<(), ReadError> {
        for number in self.webhook_numbers()? {
            if keep.binary_search(&number).is_err()
                && let Some(webhook) = self.webhook(number)?.filter(|webhook| !webhook.closed)
            {
                self.put_changed_webhook(number, webhook, |webhook| webhook.closed = true)?;
            }
        }
        Ok(())
    }

    /// Moves the run to the current version of its workflow, unless that was deleted.
    fn take_current_version(&mut self) -> Result<(), ReadError> {
        let name = self.state().workflow.clone();
        let workflow = workflows::TABLE.get(self.rows, name.as_str())?;
        let current = workflow.filter(|workflow| !workflow.deleted);
        if let (Some(workflow), Some(mut stored)) = (current, runs::TABLE.get(self.rows, self.id)?)
            && stored.run.version != workflow.current
        {
            stored.run.version = workflow.current;
            runs::TABLE.put(self.rows, self.id, &stored)?;
        }
        Ok(())
    }

    /// Removes the webhooks that were not kept, with their inboxes, as far as the limit allows. Returns true if none is
    /// left.
    fn remove_webhooks(&mut self, limit: WriteLimit) -> Result<bool, ReadError> {
        let Some(Generation {
            first_webhook,
            kept,
            ..
        }) = generations::TABLE.get(self.rows, self.id)?
        else {
            return Ok(true);
        };
        let is_kept = |number| {
            kept.binary_search_by_key(&number, |kept| kept.number)
                .is_ok()
        };
        for number in self.webhook_numbers()? {
            if number >= first_webhook || is_kept(number) {
                continue;
            }
            let inbox = || between((self.id, number, 0), (self.id, number, u64::MAX));
            if !inbox_requests::TABLE.remove_range(self.rows, inbox(), limit)?
                || !inbox::TABLE.remove_range(self.rows, inbox(), limit)?
            {
                return Ok(false);
            }
            self.forget_webhook(number)?;
        }
        Ok(true)
    }

    /// Removes a webhook whose inbox was removed.
    fn forget_webhook(&mut self, number: WebhookNumber) -> Result<(), ReadError> {
        let Some(webhook) = self.webhook(number)? else {
            return Ok(());
        };
        let state = self.state_mut();
        state.dropped = state.dropped.saturating_add(webhook.queued.into());
        // The end of the run has counted it already.
        if !state.status.has_ended() {
            state.untaken = state.dropped;
        }
        self.put_changed_webhook(number, webhook, |webhook| {
            webhook.queued = 0;
            webhook.queued_bytes = 0;
        })?;
        self.take_webhook(number)
    }
}

/// Removes the remains of earlier generations of a run: the records of these activations, and these log lines. If the
/// run was removed, they are removed with its other rows.
pub(super) fn remove_old(
    write: &mut Write<'_>,
    id: RunId,
    (activations, logs): (u32, u32),
    limit: WriteLimit,
) -> Result<bool, ReadError> {
    let Some(mut run) = write.run(id)? else {
        return Ok(true);
    };
    let journal = |branch| {
        (
            Bound::Included((id, branch, 0)),
            Bound::Excluded((id, branch, activations)),
        )
    };
    let repeats = (
        Bound::Included((id, OperationNumber(0))),
        Bound::Excluded((id, OperationNumber(run.state().first_operation))),
    );
    let lines = (Bound::Included((id, 0, 0)), Bound::Excluded((id, logs, 0)));
    // Records that were set aside in this generation are kept.
    for (_, branch) in tries::TABLE.keys(run.rows, tries::TABLE.of(id), false, usize::MAX)? {
        let set_aside = tries::TABLE.get(run.rows, (id, branch))?;
        if set_aside.is_some_and(|set_aside| set_aside.from < activations) {
            if !journal::TABLE.remove_range(run.rows, journal(branch), limit)?
                || !routed::TAKEN.remove_range(run.rows, journal(branch), limit)?
            {
                return Ok(false);
            }
            tries::TABLE.remove(run.rows, (id, branch))?;
        }
    }
    Ok(journal::TABLE.remove_range(run.rows, journal(0), limit)?
        && routed::TAKEN.remove_range(run.rows, journal(0), limit)?
        && logs::TABLE.remove_range(run.rows, lines, limit)?
        && repeats::TABLE.remove_range(run.rows, repeats, limit)?
        && run.remove_webhooks(limit)?)
}

/// Returns the webhooks that these operations created, each with its URL.
fn created(
    operations: &[dormouse_journal::Operation],
) -> impl Iterator<Item = (WebhookNumber, String)> {
    operations
        .iter()
        .filter_map(|operation| match &operation.kind {
            Kind::CreateWebhook { webhook, url, .. } => Some((*webhook, url.clone())),
            _ => None,
        })
}
