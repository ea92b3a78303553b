//! A group: writes that become durable together, with one disk sync.
//!
//! What a write decides is known before it is durable: its place among the others, its time, whom it concerns. Whoever
//! asked for that is told at once, with a [`Hold`] on the group, so that what follows from the write (a request is
//! queued; its run takes it) can become durable by the same sync.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use dormouse_journal::{Time, encode};
use futures::channel::oneshot;
use futures::task::AtomicWaker;
use redb::WriteTransaction;

use crate::tables::{Tables, meta};
use crate::transactions::Edits;
use crate::{ReadError, WriteError};

/// Something to be written, as one.
pub(crate) trait Transaction: Send + 'static {
    /// What comes of it, once durable.
    type Output: Send + 'static;

    /// Checks it against the tables and writes it. It may be called again if the group has to be applied anew, and finds
    /// then what it found before. If it gives `Ok`, then what it wrote is complete: a refusal is an `Ok` that wrote
    /// nothing.
    fn apply(&self, write: &mut Write<'_>) -> Result<Self::Output, ReadError>;
}

/// A group in the making.
pub(crate) struct Write<'t> {
    pub(crate) tables: Tables<'t>,
    /// The states of the runs that the group has touched. Written at its end, each once.
    pub(crate) edits: Edits,
    /// The time of what is being written.
    pub(crate) now: Time,
    /// The size of all requests in all inboxes.
    pub(crate) inbox_bytes: u64,
    sequence: u64,
}

impl<'t> Write<'t> {
    /// Begins a group.
    pub(crate) fn begin(transaction: &'t WriteTransaction, now: Time) -> Result<Self, ReadError> {
        let tables = Tables::open(transaction)?;
        Ok(Write {
            edits: Edits::default(),
            inbox_bytes: meta::number(&tables.meta, meta::INBOX_BYTES)?,
            sequence: meta::number(&tables.meta, meta::SEQUENCE)?,
            tables,
            now,
        })
    }

    /// The next commit sequence.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// Writes what the group has gathered.
    pub(crate) fn finish(mut self, now: Time) -> Result<(), ReadError> {
        self.edits.save(&mut self.tables)?;
        let meta = &mut self.tables.meta;
        meta.insert(meta::SEQUENCE, encode(&self.sequence).as_slice())?;
        meta.insert(meta::INBOX_BYTES, encode(&self.inbox_bytes).as_slice())?;
        meta.insert(meta::CLOCK, encode(&now).as_slice())?;
        Ok(())
    }
}

/// A transaction whose type the queue need not know.
pub(crate) trait Job: Send {
    /// Applies it, at this time if it is for the first time. Gives then what is to be done before it is durable.
    fn apply(&mut self, write: &mut Write<'_>, now: Time) -> Result<Option<Following>, ReadError>;

    /// Whether something may have to be done before it is durable.
    fn foretells(&self) -> bool;

    fn answer(self: Box<Self>, durable: Result<(), WriteError>);
}

/// Says what is to be done when it is known what comes of a write, and before that is durable, if anything is.
pub(crate) type Foretold<T> = Box<dyn FnOnce(&T) -> Option<Following> + Send>;

/// Does what follows from a write. The group is kept open for it, if there is a hold.
pub type Following = Box<dyn FnOnce(Option<Hold>) + Send>;

/// A transaction in the queue, and who wants to know of it.
pub(crate) struct Queued<T: Transaction> {
    transaction: T,
    foretold: Option<Foretold<T::Output>>,
    /// When it was applied for the first time: what was foretold stays true if the group is applied anew.
    time: Option<Time>,
    output: Option<T::Output>,
    sender: Option<oneshot::Sender<Result<T::Output, WriteError>>>,
}

impl<T: Transaction> Queued<T> {
    pub(crate) fn new(
        transaction: T,
        foretold: Option<Foretold<T::Output>>,
        sender: oneshot::Sender<Result<T::Output, WriteError>>,
    ) -> Self {
        Queued {
            transaction,
            foretold,
            time: None,
            output: None,
            sender: Some(sender),
        }
    }
}

impl<T: Transaction> Job for Queued<T> {
    fn apply(&mut self, write: &mut Write<'_>, now: Time) -> Result<Option<Following>, ReadError> {
        write.now = *self.time.get_or_insert(now);
        let output = self.transaction.apply(write)?;
        let foretold = self.foretold.take();
        let following = foretold.and_then(|foretold| foretold(&output));
        self.output = Some(output);
        Ok(following)
    }

    fn foretells(&self) -> bool {
        self.foretold.is_some()
    }

    fn answer(mut self: Box<Self>, durable: Result<(), WriteError>) {
        let result = match (durable, self.output.take()) {
            (Ok(()), Some(output)) => Ok(output),
            (Ok(()), None) => Err(WriteError::Stopped),
            (Err(error), _) => Err(error),
        };
        if let Some(sender) = self.sender.take() {
            // Whoever asked may have gone away; the write stands all the same.
            let _ = sender.send(result);
        }
    }
}

/// Keeps a group open for a moment. Dropped once what follows has been handed to the store, or nothing will follow.
pub struct Hold(Arc<Holds>);

/// The holds on a group.
#[derive(Default)]
pub(crate) struct Holds {
    held: AtomicUsize,
    released: AtomicWaker,
}

impl Holds {
    pub(crate) fn hold(self: &Arc<Self>) -> Hold {
        self.held.fetch_add(1, Ordering::AcqRel);
        Hold(self.clone())
    }

    /// Resolves when none is left.
    pub(crate) async fn released(&self) {
        poll_fn(|context| {
            self.released.register(context.waker());
            if self.held.load(Ordering::Acquire) == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.0.held.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.released.wake();
        }
    }
}
