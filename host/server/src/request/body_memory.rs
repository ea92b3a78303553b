//! Limits the host's memory for bodies that are being read and answers that are being sent: for all together, and for
//! one sender. Also limits their number for one sender, since each takes the place of a connection as long as its client
//! likes.
//!
//! Memory is taken as a body arrives and not when it is announced, so that a sender cannot take memory without sending.
//! It is returned when the last part of the body is dropped. The memory of an answer is returned when the answer is
//! sent.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;
use bytes::Bytes;
use dormouse_journal::{RunId, WebhookNumber};
use dormouse_limits::{Budget, Grant, Part};
use hyper::body::Body as _;

use super::weight::{Weight, keeping, kept};
use crate::problem::Problem;

/// The part of the memory for bodies and answers, and of the connections, that one webhook's senders may use: a quarter.
const WEBHOOK_PART: u32 = 4;

/// The part of these that the API's callers may use: a half, so that webhooks always have the other half.
const API_PART: u32 = 2;

/// The senders that share the memory for bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Sender {
    Webhook(RunId, WebhookNumber),
    Api,
}

/// The memory for bodies. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BodyBudget {
    budget: Budget,
    /// The largest number of connections.
    connections: usize,
    /// What is being read or sent, by sender. Only senders with a body or an answer under way have an entry.
    under_way: Arc<Mutex<HashMap<Sender, UnderWay>>>,
}

/// What a sender has under way.
#[derive(Debug, Default)]
struct UnderWay {
    bytes: u64,
    /// The number of bodies and answers.
    count: usize,
}

/// The memory for one body or one answer.
pub(crate) struct BodyMemory {
    grant: Grant,
    body_budget: BodyBudget,
    sender: Sender,
    most: UnderWay,
    /// The weight of the request, which counts for its sender. The entrance has taken the memory for it.
    weight: u64,
    under_way: UnderWay,
}

impl BodyBudget {
    /// Creates the memory for bodies from a budget, on a host that accepts this many connections.
    #[must_use]
    pub(crate) fn new(budget: Budget, connections: u32) -> Self {
        BodyBudget {
            budget,
            connections: connections as usize,
            under_way: Arc::default(),
        }
    }

    /// Returns the memory for the body of a request to a webhook.
    pub(crate) fn of_webhook(&self, run: RunId, webhook: WebhookNumber) -> BodyMemory {
        self.memory(Sender::Webhook(run, webhook), WEBHOOK_PART)
    }

    /// Returns the memory for the body of a request to the API.
    pub(crate) fn of_api(&self) -> BodyMemory {
        self.memory(Sender::Api, API_PART)
    }

    fn memory(&self, sender: Sender, part: u32) -> BodyMemory {
        BodyMemory {
            grant: self.budget.begin(Part::Requests),
            body_budget: self.clone(),
            sender,
            most: UnderWay {
                bytes: self.budget.size(Part::Requests) / u64::from(part),
                count: (self.connections / part as usize).max(1),
            },
            weight: 0,
            under_way: UnderWay::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Sender, UnderWay>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyMemory {
    /// Counts the weight of the request for its sender too.
    pub(crate) fn with_weight(mut self, weight: Option<Weight>) -> Self {
        self.weight = weight.map_or(0, |weight| weight.0);
        self
    }

    /// Checks whether the sender's share is used up, without taking anything of it.
    ///
    /// # Errors
    /// When it is.
    pub(crate) fn check_share(&self) -> Result<(), Problem> {
        let all = self.body_budget.lock();
        match all.get(&self.sender) {
            Some(under_way) if under_way.bytes >= self.most.bytes => Err(Problem::memory_share()),
            _ => Ok(()),
        }
    }

    /// Takes memory for a body of which this many bytes have arrived, or are about to.
    ///
    /// # Errors
    /// When the sender's share or the host's memory is used up.
    pub(crate) fn hold(&mut self, size: u64) -> Result<(), Problem> {
        let more = (self.weight + size).saturating_sub(self.under_way.bytes);
        let one = 1 - self.under_way.count;
        {
            let mut all = self.body_budget.lock();
            let under_way = all.entry(self.sender).or_default();
            let (bytes, count) = (under_way.bytes.saturating_add(more), under_way.count + one);
            // One body of the largest size is always within the share.
            if under_way.bytes > 0 && bytes > self.most.bytes || count > self.most.count {
                return Err(Problem::memory_share());
            }
            *under_way = UnderWay { bytes, count };
            self.under_way.bytes += more;
            self.under_way.count = 1;
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

    /// Takes memory for an answer, which is in memory as a whole, and returns the answer together with that memory. A
    /// client that does not read its answers can keep no more of them in memory than this allows. An answer whose
    /// length is not known is made while it is read, and takes memory for each piece.
    ///
    /// # Errors
    /// When the share of those who ask or the host's memory is used up.
    pub(crate) fn answer(mut self, response: Response) -> Result<Response, Problem> {
        let size = response.body().size_hint().exact().unwrap_or_default();
        if !Budget::counts(size) {
            return Ok(response);
        }
        self.hold(size)?;
        Ok(keeping(response, self))
    }

    /// Takes memory for a piece of an answer that is made while it is read, and returns the piece together with that memory.
    ///
    /// # Errors
    /// When the share of those who ask or the host's memory is used up.
    pub(crate) fn piece(mut self, piece: Bytes) -> Result<Bytes, Problem> {
        let size = piece.len() as u64;
        if !Budget::counts(size) {
            return Ok(piece);
        }
        self.hold(size)?;
        Ok(kept(piece, self))
    }
}

impl Drop for BodyMemory {
    fn drop(&mut self) {
        let mut all = self.body_budget.lock();
        if let Entry::Occupied(mut under_way) = all.entry(self.sender) {
            let left = under_way.get_mut();
            left.bytes = left.bytes.saturating_sub(self.under_way.bytes);
            left.count = left.count.saturating_sub(self.under_way.count);
            if left.count == 0 {
                under_way.remove();
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
    fn body_budget() -> BodyBudget {
        BodyBudget::new(Budget::new(6 * 400 * KIB), 40)
    }

    fn code(result: Result<(), Problem>) -> &'static str {
        result.map_or_else(|problem| problem.code(), |()| "ok")
    }

    #[test]
    fn a_webhook_takes_a_quarter_and_leaves_the_rest_to_others() {
        let body_budget = body_budget();
        let mut all: Vec<BodyMemory> = (0..4)
            .map(|_| body_budget.of_webhook(RUN, WebhookNumber(0)))
            .collect();
        assert_eq!(code(all[0].hold(60 * KIB)), "ok");
        assert_eq!(code(all[1].hold(40 * KIB)), "ok");
        assert_eq!(code(all[2].hold(KIB)), "memory-share");
        assert_eq!(
            code(body_budget.of_webhook(RUN, WebhookNumber(1)).hold(60 * KIB)),
            "ok"
        );
        all.remove(0);
        assert_eq!(code(all[2].hold(60 * KIB)), "ok");
    }

    #[test]
    fn a_single_body_may_use_the_whole_share() {
        let body_budget = body_budget();
        let mut memory = body_budget.of_webhook(RUN, WebhookNumber(0));
        assert_eq!(code(memory.hold(300 * KIB)), "ok");
    }

    /// Returns a response with a body of this many bytes.
    fn response(size: u64) -> Response {
        Response::new(axum::body::Body::from(vec![
            0;
            usize::try_from(size).unwrap()
        ]))
    }

    #[test]
    fn answers_that_are_not_sent_yet_use_up_the_share() {
        let body_budget = body_budget();
        let webhook = || body_budget.of_webhook(RUN, WebhookNumber(0));
        let small = webhook().answer(response(KIB)).unwrap();
        assert_eq!(body_budget.budget.taken(Part::Requests), 0);
        let large = webhook().answer(response(60 * KIB)).unwrap();
        assert_eq!(body_budget.budget.taken(Part::Requests), 60 * KIB);
        assert_eq!(code(webhook().check_share()), "ok");
        let more = webhook().answer(response(60 * KIB));
        assert_eq!(code(more.map(drop)), "memory-share");
        let rest = webhook().answer(response(40 * KIB)).unwrap();
        assert_eq!(code(webhook().check_share()), "memory-share");
        let other = body_budget.of_webhook(RUN, WebhookNumber(1));
        assert_eq!(code(other.check_share()), "ok");
        drop((small, large, rest));
        assert_eq!(code(webhook().check_share()), "ok");
        assert_eq!(body_budget.budget.taken(Part::Requests), 0);
    }

    #[test]
    fn a_piece_of_an_answer_takes_memory_until_it_is_sent() {
        let body_budget = body_budget();
        let piece = |size| {
            let bytes = Bytes::from(vec![0; usize::try_from(size).unwrap()]);
            body_budget.of_api().piece(bytes)
        };
        let first = piece(150 * KIB).unwrap();
        assert_eq!(body_budget.budget.taken(Part::Requests), 150 * KIB);
        assert_eq!(code(piece(60 * KIB).map(drop)), "memory-share");
        drop(first);
        assert_eq!(code(piece(60 * KIB).map(drop)), "ok");
        assert_eq!(body_budget.budget.taken(Part::Requests), 0);
    }

    #[test]
    fn requests_whose_bodies_do_not_come_use_up_the_share_of_their_webhook_only() {
        let body_budget = body_budget();
        let request = |number| {
            let memory = body_budget.of_webhook(RUN, WebhookNumber(number));
            memory.with_weight(Some(Weight(30 * KIB)))
        };
        let mut all: Vec<BodyMemory> = (0..4).map(|_| request(0)).collect();
        let codes: Vec<_> = all.iter_mut().map(|memory| code(memory.hold(0))).collect();
        assert_eq!(codes, ["ok", "ok", "ok", "memory-share"]);
        assert_eq!(code(request(1).hold(0)), "ok");
    }

    #[test]
    fn bodies_of_a_byte_take_a_quarter_of_the_connections_and_no_more() {
        let body_budget = body_budget();
        let one = || body_budget.of_webhook(RUN, WebhookNumber(0));
        let mut held: Vec<BodyMemory> = (0..10).map(|_| one()).collect();
        for memory in &mut held {
            assert_eq!(code(memory.hold(0)), "ok");
            assert_eq!(code(memory.hold(1)), "ok", "it is the same body");
        }
        assert_eq!(code(one().hold(0)), "memory-share");
        assert_eq!(
            code(body_budget.of_webhook(RUN, WebhookNumber(1)).hold(0)),
            "ok"
        );
        held.pop();
        assert_eq!(code(one().hold(0)), "ok");
        drop(held);
        assert!(body_budget.lock().is_empty());
    }

    #[test]
    fn a_kept_body_counts_for_the_host_until_it_is_dropped_and_not_for_the_sender() {
        let body_budget = body_budget();
        let mut memory = body_budget.of_api();
        assert_eq!(code(memory.hold(200 * KIB)), "ok");
        let body = memory.keep(Bytes::from_static(b"x"));
        assert_eq!(body_budget.budget.taken(Part::Requests), 200 * KIB);
        assert!(body_budget.lock().is_empty());
        assert_eq!(code(body_budget.of_api().hold(201 * KIB)), "no-memory");
        drop(body);
        assert_eq!(body_budget.budget.taken(Part::Requests), 0);
    }
}
