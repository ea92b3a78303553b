//! The store: everything that survives a restart.
//!
//! - [`Store`] is the interface that the host uses, in the words of the product. [`StoreReader`] is its reading half.
//!   `views` has the types that reads return.
//! - [`Embedded`] is a store in this process: one writer that gathers the commits of many runs into one disk sync.
//! - `rules/` has one file for each thing that can happen. It is first checked against the rows, and then written
//!   completely.
//! - `queries/` has the reads, each of the rows at one moment.
//! - `queue/` gathers writes into groups. One commit makes each group durable.
//! - `tables/` has one file for each table, with the layout of its keys and rows. `migrations` updates stores that
//!   earlier versions wrote.
//! - [`rows`] is the lower interface: a [`Backend`] keeps rows and makes changes to them durable. Everything above it
//!   is written once, for all backends.

mod backend;
mod counting;
mod embedded;
mod error;
#[cfg(test)]
mod layouts;
mod migrations;
mod opening;
mod queries;
mod queue;
pub mod rows;
mod rules;
mod store;
mod tables;
mod views;

pub use backend::{Backend, BackendTransaction};
pub use dormouse_journal::OtherBody;
pub use embedded::Embedded;
pub use error::{BackupError, OpenError, ReadError, StorageError, WriteError};
pub use migrations::check_schema;
pub use queue::{Commits, Decided, Following, Hold, Order};
pub use rules::{
    Accept, Accepted, Activated, AimedNotified, AttemptMade, AttemptNoted, Broke, CallAgain,
    Cancelled, Carried, CommitRefused, Deleted, Deploy, Deployed, Due, EARLIER_URLS, Finished,
    FireTrigger, Forget, Forgot, InboxLimits, MailLimits, NewActivation, NewCall, NewGeneration,
    NewNotify, NewOrder, NewResponse, NextRun, Notified, NotifyTarget, OrderLimits, OverStorage,
    Pausable, Paused, PutBack, PutSecret, RememberedAt, RememberedKey, Repair, Repaired,
    RequestRefused, Resumed, RetriedFailed, RetryFailed, SecretPut, Served, SetTrigger, StartRun,
    Started, StorageLimits, TakeBack, TakenBack, TriggerActed, TriggerAction, TriggerFired,
    TriggerRefused, TriggerSet, Unpaused,
};
pub use store::{Backup, Read, Store, StoreReader, Written};
pub use tables::{
    Attempts, Bounds, Branch, Call, CancelAsked, ChildStart, EarlierUrl, FailedTry, Frozen, Parent,
    PastTry, Pause, PausedBy, Pauses, Reply, Restore, Run, SCHEMA, SealedSecret, Start, State,
    StateBefore, TableId, TokenKeys, TriedOperation, Trigger, TriggerCounts, Triggered, Version,
    Webhook, Workflow, WorkflowSettings,
};
pub use views::{
    Answer, BadAnswer, CallPage, CallProgress, ChannelItem, DuePage, FailedRun, Incoming,
    IncomingView, JournalPage, LogPage, OutstandingCall, RunGeneration, RunPage, RunQuery,
    RunShown, RunToContinue, RunView, SendingView, TimeRange, Timer, TimerPage, TriggerCalled,
    TriggerView, WebhookView,
};
