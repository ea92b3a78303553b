//! Removes the key by which a repeat of a request is recognised: when its time is over, or when the host is told to
//! forget it, so that the same request is taken as a new one.
//!
//! A key has one place in the queue of what expires. That place stays when the host is told to forget the key, and the
//! key may be remembered again before the place is reached. So the key's own row has its expiry, and a place that is
//! reached earlier is ignored.

use dormouse_journal::{RunId, TriggerId, WebhookNumber};

use super::{RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::{duplicates, replies, trigger_requests, triggers};

/// Forgets that requests with these keys were accepted. The requests themselves stay where they are.
#[derive(Debug, Clone)]
pub struct Forget {
    /// The webhook or the trigger that had accepted the requests.
    pub at: RememberedAt,
    /// The digests of the keys. There are only a few.
    pub keys: Vec<[u8; 32]>,
}

/// A webhook or a trigger, which remembers the keys of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RememberedAt {
    /// A webhook of a run.
    Webhook(RunId, WebhookNumber),
    /// A trigger.
    Trigger(TriggerId),
}

/// The result of forgetting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgot {
    /// These keys were remembered, and are forgotten now.
    Keys(Vec<[u8; 32]>),
    /// The webhook or the trigger does not exist any more.
    Unknown,
}

impl Transaction for Forget {
    type Output = Forgot;

    fn run(&self) -> Option<RunId> {
        match self.at {
            RememberedAt::Webhook(run, _) => Some(run),
            RememberedAt::Trigger(_) => None,
        }
    }

    /// The rows: each key, and the answer that is kept with it.
    fn cost(&self) -> Extent {
        let keys = self.keys.len() as u64;
        RUN.and(Extent::new(2 * keys, 2 * keys * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Forgot, ReadError> {
        let mut forgotten = Vec::new();
        match self.at {
            RememberedAt::Webhook(id, webhook) => {
                let Some(run) = write.run(id)? else {
                    return Ok(Forgot::Unknown);
                };
                if run.webhook(webhook)?.is_none() {
                    return Ok(Forgot::Unknown);
                }
                for key in &self.keys {
                    if let Some(first) = duplicates::TABLE.take(run.rows, (id, webhook, *key))? {
                        replies::TABLE.remove(run.rows, (id, first.id.as_str()))?;
                        forgotten.push(*key);
                    }
                }
            }
            RememberedAt::Trigger(id) => {
                if !triggers::TABLE.has(&write.rows, id)? {
                    return Ok(Forgot::Unknown);
                }
                for key in &self.keys {
                    if trigger_requests::TABLE.remove(&mut write.rows, (id, *key))? {
                        forgotten.push(*key);
                    }
                }
            }
        }
        Ok(Forgot::Keys(forgotten))
    }
}

/// Removes the key of a request to a webhook whose time is over, and the answer that is kept with it. The keys of a
/// removed run are removed with its other rows, which count for its workflow.
pub(super) fn expire(
    write: &mut Write<'_>,
    key: (RunId, WebhookNumber, [u8; 32]),
) -> Result<(), ReadError> {
    let now = write.now;
    let Some(run) = write.run(key.0)? else {
        return Ok(());
    };
    let Some(first) = duplicates::TABLE.get(run.rows, key)? else {
        return Ok(());
    };
    if first.expires.is_none_or(|expires| expires <= now) {
        duplicates::TABLE.remove(run.rows, key)?;
        replies::TABLE.remove(run.rows, (run.id, first.id.as_str()))?;
    }
    Ok(())
}

/// Removes the key of a request to a trigger whose time is over.
pub(super) fn expire_triggered(
    write: &mut Write<'_>,
    key: (TriggerId, [u8; 32]),
) -> Result<(), ReadError> {
    let first = trigger_requests::TABLE.get(&write.rows, key)?;
    if first.is_some_and(|first| first.expires <= write.now) {
        trigger_requests::TABLE.remove(&mut write.rows, key)?;
    }
    Ok(())
}
