//! Decides what a request to a trigger does: it starts a run, belongs to an existing run, or repeats another request.
//! One commit decides it, however many requests come at once.
//!
//! If the process dies before that commit, nothing has happened, and the caller got no answer. After the commit, the
//! run exists together with the keys of the request, so a repeat is answered with the same run.

use dormouse_journal::{
    GuestLimits, Header, Labels, OnExisting, Payload, RunId, Time, TriggerId, VersionId,
};

use super::accept::Repeat;
use super::mail::{self, AimedNotified, NotifyRun};
use super::start::{BeginRun, StartRun, Started};
use super::storage::StorageLimits;
use super::{Lane, MailLimits, RUN, RememberedKey, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::expiries::Expiring;
use crate::tables::routed::{self, Routed};
use crate::tables::trigger_requests::{self, TriggerRequested};
use crate::tables::triggers::{self, Trigger, TriggerCounts};
use crate::tables::{Triggered, trigger_keys};

/// A request to a trigger.
#[derive(Debug, Clone)]
pub struct FireTrigger {
    /// The trigger.
    pub trigger: TriggerId,
    /// The number of the URL that was called.
    pub rotation: u32,
    /// The name of the trigger's workflow, used only for the order of writes.
    pub workflow: String,
    /// The id of the run that the request may start.
    pub run: RunId,
    /// The key of that run's random numbers.
    pub random: [u8; 32],
    /// The limits that the run can notice.
    pub guest: GuestLimits,
    /// The request's body.
    pub input: Payload,
    /// The request's method.
    pub method: String,
    /// The URL that was called.
    pub url: String,
    /// The request's headers, without credentials and signatures.
    pub headers: Vec<Header>,
    /// The labels of the run.
    pub labels: Labels,
    /// SHA-256 of the key by which requests belong to one run, if the request has one.
    pub key: Option<[u8; 32]>,
    /// The key by which a repeat of the request is recognised.
    pub remembered: Option<RememberedKey>,
    /// How long a repeat is recognised, in milliseconds.
    pub remember: u64,
    /// The limits of a run's inbox for requests with its key.
    pub mail: MailLimits,
}

/// The result of a request to a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerFired {
    /// The request started this run.
    Started {
        /// The version of the run.
        version: VersionId,
        /// The time at which the run was created.
        created: Time,
        /// The trigger's data in the run, with its present name.
        trigger: Triggered,
    },
    /// The request was sent to this run as an event of this name.
    Sent {
        /// The id of the run.
        run: RunId,
        /// The name of the trigger.
        event: String,
    },
    /// This run has the request's key, and nothing else happened.
    Existing(RunId),
    /// The request repeats one that started this run or belonged to it.
    Repeat(RunId),
    /// The request was refused. Nothing was written.
    Refused(TriggerRefused),
}

/// Why a request to a trigger was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerRefused {
    /// The trigger or this URL of it is gone, or its workflow was deleted.
    Gone,
    /// The trigger is paused.
    Paused,
    /// The same delivery came with another body before.
    OtherBody,
    /// The workflow does not have the version that the trigger names.
    UnknownVersion,
    /// The run that has the key has failed, and may be retried.
    RunFailed(RunId),
    /// The run that has the key has not taken enough of the requests sent to it before.
    InboxFull(RunId),
    /// The request would exceed the disk space that the run with the key may use.
    RunFull,
    /// The runs of the workflow together use all disk space that they may use.
    WorkflowFull,
}

/// A request to a trigger that is ready to be written.
pub(crate) struct Arrive {
    firing: FireTrigger,
    /// The request as an event, if it may become one.
    event: Option<NotifyRun>,
}

impl Arrive {
    pub(crate) fn new(firing: FireTrigger) -> Self {
        // The run and the name of the event become known only when the transaction is applied.
        let event = firing.key.map(|_| {
            let payload = firing.input.clone();
            NotifyRun::new(firing.run, String::new(), payload, firing.mail)
        });
        Arrive { firing, event }
    }

    /// Returns the approximate size of the request without its body.
    fn head(&self) -> u64 {
        let FireTrigger { headers, url, .. } = &self.firing;
        let headers = headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 4);
        (headers.sum::<usize>() + url.len()) as u64
    }
}

impl Transaction for Arrive {
    type Output = TriggerFired;

    fn lane(&self) -> Lane {
        Lane::Workflow(self.firing.workflow.clone())
    }

    /// The rows: a run in two rows, its places in indexes, its keys, the expiry of one of them, and the counts; or an
    /// event in three rows.
    fn cost(&self) -> Extent {
        let labels = self.firing.labels.len() as u64;
        let bytes = 2 * self.firing.input.body.len() as u64 + 2 * self.head();
        RUN.and(RUN)
            .and(Extent::new(12 + labels, bytes + 16 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<TriggerFired, ReadError> {
        let firing = &self.firing;
        let refused = |refused| Ok(TriggerFired::Refused(refused));
        let Some(trigger) = triggers::TABLE.get(&write.rows, firing.trigger)? else {
            return refused(TriggerRefused::Gone);
        };
        let mut remember = firing.remembered;
        if let Some((first, key)) = self.remembered(write)? {
            match key.repeats(&first.body) {
                Repeat::Same => return Ok(TriggerFired::Repeat(first.run)),
                Repeat::Misused => return refused(TriggerRefused::OtherBody),
                Repeat::Other => remember = None,
            }
        }
        if !trigger.takes(firing.rotation, write.now) {
            return refused(TriggerRefused::Gone);
        }
        if trigger.paused {
            return refused(TriggerRefused::Paused);
        }
        let came = match self.holder(write)? {
            Some(run) => self.belong(write, &trigger, run)?,
            None => self.start(write, &trigger)?,
        };
        let run = match &came {
            TriggerFired::Started { .. } => firing.run,
            TriggerFired::Sent { run, .. } | TriggerFired::Existing(run) => *run,
            TriggerFired::Repeat(_) | TriggerFired::Refused(_) => return Ok(came),
        };
        if let Some(key) = remember {
            self.remember(write, key, run)?;
        }
        self.count(write, matches!(came, TriggerFired::Started { .. }))?;
        Ok(came)
    }
}

impl Arrive {
    /// Returns the row of an earlier request of the same delivery, if there was one.
    fn remembered(
        &self,
        write: &Write<'_>,
    ) -> Result<Option<(TriggerRequested, RememberedKey)>, ReadError> {
        let Some(key) = self.firing.remembered else {
            return Ok(None);
        };
        let first = key.first_of_trigger(&write.rows, self.firing.trigger)?;
        Ok(first.map(|first| (first, key)))
    }

    /// Returns the run that has the request's key.
    fn holder(&self, write: &mut Write<'_>) -> Result<Option<RunId>, ReadError> {
        let Some(key) = self.firing.key else {
            return Ok(None);
        };
        let held = trigger_keys::TABLE.get(&write.rows, (self.firing.trigger, key))?;
        Ok(held.map(|held| held.0))
    }

    /// Handles a request whose key a run has, by the setting of the trigger.
    fn belong(
        &self,
        write: &mut Write<'_>,
        trigger: &Trigger,
        run: RunId,
    ) -> Result<TriggerFired, ReadError> {
        let has_failed = write.run(run)?.is_some_and(|run| run.state().is_frozen());
        if has_failed {
            return Ok(TriggerFired::Refused(TriggerRefused::RunFailed(run)));
        }
        let Some(event) = &self.event else {
            return Ok(TriggerFired::Existing(run));
        };
        if trigger.options.on_existing == OnExisting::Answer {
            return Ok(TriggerFired::Existing(run));
        }
        let (name, what) = (trigger.name.as_str(), (event.size, &event.payload));
        let limits = self.firing.mail;
        let place = match write.run(run)? {
            Some(run) => run.mailbox(name)?.next_place,
            None => 0,
        };
        let refused = match mail::send_to_run(write, run, name, what, limits)? {
            AimedNotified::Queued => {
                self.put_routed(write, run, name, place)?;
                return Ok(TriggerFired::Sent {
                    run,
                    event: name.to_owned(),
                });
            }
            AimedNotified::RunFailed => TriggerRefused::RunFailed(run),
            AimedNotified::Full => TriggerRefused::InboxFull(run),
            AimedNotified::RunFull => TriggerRefused::RunFull,
            AimedNotified::WorkflowFull => TriggerRefused::WorkflowFull,
            // This cannot happen, because a run loses its key when it ends.
            AimedNotified::Ended | AimedNotified::Unknown => TriggerRefused::Gone,
        };
        Ok(TriggerFired::Refused(refused))
    }

    fn put_routed(
        &self,
        write: &mut Write<'_>,
        run: RunId,
        event: &str,
        place: u64,
    ) -> Result<(), ReadError> {
        let firing = &self.firing;
        let row = Routed {
            method: firing.method.clone(),
            url: firing.url.clone(),
            headers: firing.headers.clone(),
            labels: firing.labels.clone(),
        };
        routed::TABLE.put(&mut write.rows, (run, event, place), &row)
    }

    fn start(&self, write: &mut Write<'_>, trigger: &Trigger) -> Result<TriggerFired, ReadError> {
        let firing = &self.firing;
        let triggered = Triggered {
            id: firing.trigger,
            name: trigger.name.clone(),
            key: firing.key,
            method: firing.method.clone(),
            url: firing.url.clone(),
        };
        let start = StartRun {
            run: firing.run,
            workflow: trigger.options.workflow.clone(),
            version: trigger.options.version,
            input: firing.input.clone(),
            headers: firing.headers.clone(),
            key: firing.random,
            limits: firing.guest,
            idempotency_key: None,
            earlier_key: None,
            remember: 0,
            storage: firing.mail.storage,
            restarted: None,
            parent: None,
            labels: firing.labels.clone(),
            trigger: Some(triggered.clone()),
        };
        Ok(match begin(write, start)? {
            Ok((version, created)) => TriggerFired::Started {
                version,
                created,
                trigger: triggered,
            },
            Err(refused) => TriggerFired::Refused(refused),
        })
    }

    fn remember(
        &self,
        write: &mut Write<'_>,
        key: RememberedKey,
        run: RunId,
    ) -> Result<(), ReadError> {
        let trigger = self.firing.trigger;
        let expires = write.now.after(self.firing.remember);
        let first = TriggerRequested {
            run,
            body: key.body,
            expires,
        };
        trigger_requests::TABLE.put(&mut write.rows, (trigger, key.digest), &first)?;
        let key = key.digest;
        Expiring::Triggered { trigger, key }.add(&mut write.rows, expires)
    }

    fn count(&self, write: &mut Write<'_>, has_started: bool) -> Result<(), ReadError> {
        let trigger = self.firing.trigger;
        let counts = triggers::COUNTS.get(&write.rows, trigger)?;
        let mut counts: TriggerCounts = counts.unwrap_or_default();
        if has_started {
            counts.started = counts.started.saturating_add(1);
        } else {
            counts.existing = counts.existing.saturating_add(1);
        }
        counts.last = Some(write.now);
        triggers::COUNTS.put(&mut write.rows, trigger, &counts)
    }
}

/// Starts a run by a trigger, and gives it its key.
pub(super) fn begin(
    write: &mut Write<'_>,
    start: StartRun,
) -> Result<Result<(VersionId, Time), TriggerRefused>, ReadError> {
    let run = start.run;
    let held = start.trigger.as_ref();
    let held = held.and_then(|trigger| trigger.key.map(|key| (trigger.id, key)));
    Ok(match BeginRun::new(start).apply(write)? {
        Started::New { version, created } => {
            if let Some((trigger, key)) = held {
                trigger_keys::hold(&mut write.rows, trigger, key, run)?;
            }
            Ok((version, created))
        }
        Started::UnknownWorkflow | Started::Deleted => Err(TriggerRefused::Gone),
        Started::UnknownVersion => Err(TriggerRefused::UnknownVersion),
        Started::TooLarge => Err(TriggerRefused::RunFull),
        Started::WorkflowFull => Err(TriggerRefused::WorkflowFull),
        // A start without a key does not repeat another.
        Started::Existing(run) | Started::OtherInput(run) => Err(TriggerRefused::RunFailed(run)),
    })
}

/// The largest number of requests with one key that wait for their run: the next run takes over all of them before it
/// begins.
const WAITING: u32 = 256;

/// The smallest limit for the bytes of these requests, whatever the limit on a body is.
const WAITING_BYTES: u64 = 16 << 20;

impl MailLimits {
    /// Returns the limits of what waits for a run with a key. `body` is the largest size of a body, and `queued` the
    /// largest number of items in an inbox.
    #[must_use]
    pub fn of_keyed(storage: StorageLimits, body: u64, queued: u32) -> Self {
        MailLimits {
            queued: queued.min(WAITING),
            bytes: body.max(WAITING_BYTES),
            storage,
        }
    }
}
