//! Reads of the requests, events and results that have arrived for a run.

use dormouse_journal::{Channel, Head, Outcome, RunId, Status, Time, WebhookNumber};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::between;
use crate::rules::number;
use crate::tables::inbox::{self, Arrival};
use crate::tables::{generations, mail, meta, replies, results};
use crate::views::{Answer, ChannelItem, RunToContinue};

impl<R: Rows> View<R> {
    /// Returns the first item in a channel of a run, at this place or after it.
    fn head(&self, run: RunId, channel: &Channel, from: u64) -> Result<Option<Head>, ReadError> {
        let rows = &self.0;
        let (place, accepted) = match channel {
            Channel::Webhook(webhook) => {
                let range = between((run, *webhook, from), (run, *webhook, u64::MAX));
                let first = inbox::TABLE.first_prefix::<_, _, Arrival>(rows, range)?;
                first.map(|((_, _, place), arrival)| (place, arrival.accepted))
            }
            Channel::Event(event) => {
                let range = between((run, event.as_str(), from), (run, event.as_str(), u64::MAX));
                let first = mail::TABLE.first_prefix::<_, _, Time>(rows, range)?;
                first.map(|((_, _, place), accepted)| (place, accepted))
            }
            Channel::Result(_) if from > 0 => None,
            Channel::Result(operation) => {
                let accepted = results::TABLE.get_prefix(rows, (run, *operation))?;
                accepted.map(|accepted| (0, accepted))
            }
            Channel::Cancel if from > 0 => None,
            Channel::Cancel => {
                let asked = self.state(run)?.and_then(|state| state.cancel);
                asked.map(|asked| (0, asked.at))
            }
        }
        .unzip();
        Ok(place
            .zip(accepted)
            .map(|(place, accepted)| Head { place, accepted }))
    }

    /// Returns the first items in channels of a run.
    pub(crate) fn heads(
        &self,
        run: RunId,
        channels: impl IntoIterator<Item = Channel>,
    ) -> Result<Vec<(Channel, Head)>, ReadError> {
        let mut heads = Vec::new();
        for channel in channels {
            if let Some(head) = self.head(run, &channel, 0)? {
                heads.push((channel, head));
            }
        }
        Ok(heads)
    }

    /// Returns the item in a channel of a run at this place, as the outcome of the operation that takes it.
    pub(crate) fn arrival(
        &self,
        run: RunId,
        channel: &Channel,
        place: u64,
    ) -> Result<Option<Outcome>, ReadError> {
        let rows = &self.0;
        Ok(match channel {
            Channel::Webhook(webhook) => {
                let delivery = inbox::get(rows, (run, *webhook, place))?;
                delivery.map(|delivery| Outcome::Delivery(Some(delivery)))
            }
            Channel::Event(event) => {
                let payload = mail::get(rows, (run, event.as_str(), place))?;
                payload.map(|payload| Outcome::Event(Some(payload)))
            }
            Channel::Result(operation) => results::get(rows, (run, *operation))?,
            Channel::Cancel => {
                let asked = self.state(run)?.and_then(|state| state.cancel);
                asked.map(|asked| Outcome::CancelAsked(Some(asked.reason)))
            }
        })
    }

    /// Returns all items in a channel of a run.
    pub(crate) fn channel_items(
        &self,
        run: RunId,
        channel: &Channel,
    ) -> Result<Vec<ChannelItem>, ReadError> {
        let mut all = Vec::new();
        let mut from = 0;
        while let Some(head) = self.head(run, channel, from)? {
            let outcome = self.arrival(run, channel, head.place)?;
            all.extend(outcome.map(|outcome| ChannelItem { head, outcome }));
            from = head.place + 1;
        }
        Ok(all)
    }

    /// Returns a run with everything that decides what comes next.
    pub(crate) fn run_to_continue(&self, run: RunId) -> Result<Option<RunToContinue>, ReadError> {
        let Some((view, state_row)) = self.view_and_state_row(run)? else {
            return Ok(None);
        };
        let status = view.state.status;
        let (mut open, mut heads) = (Vec::new(), Vec::new());
        if let Some(state_row) = state_row
            && !status.has_ended()
            && status != Status::Blocked
            && !view.state.is_restoring
            && view.paused.is_none()
            && view.held_by.is_none()
        {
            open = self.open(run, &state_row, usize::MAX)?;
            let waiting = open.iter().filter(|(_, open)| !open.abandoned);
            let mut channels: Vec<_> = waiting
                .flat_map(|(number, open)| open.channels(*number))
                .collect();
            channels.sort_unstable();
            channels.dedup();
            heads = self.heads(run, channels)?;
        }
        Ok(Some(RunToContinue { view, open, heads }))
    }

    /// Returns the size of all requests in all inboxes.
    pub(crate) fn inbox_bytes(&self) -> Result<u64, ReadError> {
        number(&self.0, meta::INBOX_BYTES)
    }

    /// Returns the decision about the caller of a delivery.
    pub(crate) fn answer(
        &self,
        run: RunId,
        webhook: WebhookNumber,
        delivery: &str,
        place: u64,
    ) -> Result<Answer, ReadError> {
        let reply = replies::TABLE.get(&self.0, (run, delivery))?;
        if let Some(response) = reply.and_then(|reply| reply.response) {
            return Ok(Answer::Decided(response));
        }
        let state = self.state(run)?;
        let goes_on = state.is_some_and(|state| !state.is_gone());
        if goes_on && !self.is_of_earlier_generation(run, webhook)? {
            return Ok(Answer::Open);
        }
        // If a webhook has no row, it was removed together with the requests that were never taken.
        let has_webhook = !goes_on || self.incoming(run, webhook)?.known().is_some();
        let was_taken = has_webhook && !inbox::TABLE.has(&self.0, (run, webhook, place))?;
        Ok(Answer::Ended { was_taken })
    }

    /// Returns true if a webhook belongs to an earlier generation of its run and was not kept.
    fn is_of_earlier_generation(
        &self,
        run: RunId,
        webhook: WebhookNumber,
    ) -> Result<bool, ReadError> {
        let generation = generations::TABLE.get(&self.0, run)?;
        Ok(generation.is_some_and(|generation| {
            let is_kept = generation.kept.iter().any(|kept| kept.number == webhook);
            webhook < generation.first_webhook && !is_kept
        }))
    }
}
