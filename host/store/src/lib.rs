//! The store: what survives. One redb file, one writer that gathers the commits of many runs into one disk sync.
//!
//! The interface speaks of the product (start this run, accept this request, append these activations, what is due)
//! and not of tables, so that another kind of store can stand in its place without the layers above noticing.
//!
//! - [`Store`] opens the file, and gives snapshots and writes.
//! - `transactions/` has one file per thing that can happen. Each is checked against the tables first, then written,
//!   and never half.
//! - `queries/` has what can be asked of a [`Snapshot`].
//! - `backup` copies all of a snapshot into a store of its own.
//! - `writer` gathers transactions into a `group`, which one disk sync makes durable; `handle` is the file they go to.
//! - `tables/` has one file per table, with the layout of its keys and rows.
//! - [`seams`] are what the world below is made of: clock, randomness, tasks, disk.

#[cfg(test)]
// What the tests in `tests/` share names the crate as they do.
extern crate self as dormouse_store;

mod backup;
mod clock;
mod error;
mod group;
mod handle;
mod queries;
pub mod seams;
mod store;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
mod tables;
mod transactions;
mod writer;

pub use backup::{Backup, examine};
pub use clock::HostClock;
pub use error::{BackupError, OpenError, ReadError, WriteError};
pub use group::{Following, Hold};
pub use queries::{RunPage, RunQuery, RunView, Snapshot, Timer, WebhookView};
pub use store::{Options, Store};
pub use tables::{
    Attempts, Call, Code, Reply, Run, SealedSecret, Start, State, TokenKeys, Version, Webhook,
    Workflow,
};
pub use transactions::{
    Accept, Accepted, Activated, AimedNotified, AttemptMade, Cancelled, DeliveryKey, Deploy,
    Deployed, InboxLimits, MailLimits, NewCall, NewNotify, NewResponse, Notified, NotifyTarget,
    OtherBody, PutSecret, Refused, RequestRefused, Resumed, SecretPut, Served, StartRun, Started,
    Step,
};
pub use writer::Commits;
