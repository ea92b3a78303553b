//! Limits the host's memory for bodies that are being read: for all together, and for one sender.
//!
//! Memory is taken as a body arrives and not when it is announced, so that a sender cannot take memory without sending.
//! It is returned when the last part of the body is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_limits::{Budget, Grant, Part};

use crate::problem::Problem;

/// The part of the memory for bodies being read that one webhook's senders may use: a quarter.
const WEBHOOK_PART: u64 = 4;

/// The part of that memory that the API's callers may use: a half, so that webhooks always have the other half.
const API_PART: u64 = 2;

/// The senders that share the memory for bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Webhook(RunId, WebhookNumber),
    Api,
}

/// The memory for bodies. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    budget: Budget,
    /// The number of bytes that are being read, by sender. Only senders with a body under way have an entry.
    reading: Arc<Mutex<HashMap<Sender, u64>>>,
}

/// The memory for one body.
pub(crate) struct Room {
    grant: Grant,
    rooms: Rooms,
    sender: Sender,
    most: u64,
    reading: u64,
}

impl Rooms {
    /// Creates the memory for bodies from a budget.
    #[must_use]
    pub(crate) fn new(budget: Budget) -> Self {
        Rooms {
            budget,
            reading: Arc::default(),
        }
    }

    /// Returns the memory for the body of a request to a webhook.
    pub(crate) fn of_webhook(&self, run: RunId, webhook: WebhookNumber) -> Room {
        self.room(Sender::Webhook(run, webhook), WEBHOOK_PART)
    }

    /// Returns the memory for the body of a request to the API.
    pub(crate) fn of_api(&self) -> Room {
        self.room(Sender::Api, API_PART)
    }

    fn room(&self, sender: Sender, part: u64) -> Room {
        Room {
            grant: self.budget.begin(Part::Requests),
            rooms: self.clone(),
            sender,
            most: self.budget.size(Part::Requests) / part,
            reading: 0,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sender, u64>> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Takes memory for a body of which this many bytes have arrived, or are about to.
    ///
    /// # Errors
    /// When the sender's share or the host's memory is used up.
    pub(crate) fn hold(&mut self, size: u64) -> Result<(), Problem> {
        let more = size.saturating_sub(self.reading);
        {
            let mut all = self.rooms.lock();
            let reading = all.entry(self.sender).or_default();
            // One body of the largest size is always within the share.
            if *reading > 0 && reading.saturating_add(more) > self.most {
                return Err(Problem::memory_share());
            }
            *reading += more;
            self.reading += more;
        }
        if self.grant.reach_body(size) {
            Ok(())
        } else {
            Err(Problem::no_memory())
        }
    }

    /// Returns the body together with its memory. It no longer counts as being read.
    pub(crate) fn keep(mut self, body: Bytes) -> Bytes {
        let none = self.grant.another();
        std::mem::replace(&mut self.grant, none).keep(body)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut all = self.rooms.lock();
        if let Some(reading) = all.get_mut(&self.sender) {
            *reading = reading.saturating_sub(self.reading);
            if *reading == 0 {
                all.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;
    const RUN: RunId = RunId([1; 16]);

    /// Returns a memory of 400 KiB for bodies.
    fn rooms() -> Rooms {
        Rooms::new(Budget::new(6 * 400 * KIB))
    }

    fn code(result: Result<(), Problem>) -> &'static str {
        result.map_or_else(|problem| problem.code(), |()| "ok")
    }

    #[test]
    fn a_webhook_takes_a_quarter_and_leaves_the_rest_to_others() {
        let rooms = rooms();
        let mut all: Vec<Room> = (0..4)
            .map(|_| rooms.of_webhook(RUN, WebhookNumber(0)))
            .collect();
        assert_eq!(code(all[0].hold(60 * KIB)), "ok");
        assert_eq!(code(all[1].hold(40 * KIB)), "ok");
        assert_eq!(code(all[2].hold(KIB)), "memory-share");
        assert_eq!(
            code(rooms.of_webhook(RUN, WebhookNumber(1)).hold(60 * KIB)),
            "ok"
        );
        all.remove(0);
        assert_eq!(code(all[2].hold(60 * KIB)), "ok");
    }

    #[test]
    fn one_body_is_within_the_share_however_large() {
        let rooms = rooms();
        let mut room = rooms.of_webhook(RUN, WebhookNumber(0));
        assert_eq!(code(room.hold(300 * KIB)), "ok");
    }

    #[test]
    fn what_is_kept_counts_for_the_host_until_it_is_gone_and_no_longer_for_the_sender() {
        let rooms = rooms();
        let mut room = rooms.of_api();
        assert_eq!(code(room.hold(200 * KIB)), "ok");
        let body = room.keep(Bytes::from_static(b"x"));
        assert_eq!(rooms.budget.taken(Part::Requests), 200 * KIB);
        assert!(rooms.lock().is_empty());
        assert_eq!(code(rooms.of_api().hold(201 * KIB)), "no-memory");
        drop(body);
        assert_eq!(rooms.budget.taken(Part::Requests), 0);
    }
}
