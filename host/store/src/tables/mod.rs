//! The tables, one file each. A row is a record unless its file says otherwise. Rows that a run owns are led by its id,
//! which is led by its time of creation, so that the rows of one time lie together; queues are led by what is scanned.
//! `docs/FORMAT.md` shows the layouts as a whole.

pub(crate) mod apart;
pub(crate) mod broadcasts;
pub(crate) mod call_requests;
pub(crate) mod calls;
pub(crate) mod children;
pub(crate) mod code;
pub(crate) mod components;
pub(crate) mod counts;
pub(crate) mod dates;
pub(crate) mod due;
pub(crate) mod duplicates;
pub(crate) mod event_payloads;
pub(crate) mod event_waits;
pub(crate) mod expiries;
pub(crate) mod few;
pub(crate) mod handlers;
pub(crate) mod inbox;
pub(crate) mod inbox_requests;
pub(crate) mod inputs;
pub(crate) mod journal;
pub(crate) mod logs;
pub(crate) mod mail;
pub(crate) mod mail_payloads;
pub(crate) mod mailboxes;
pub(crate) mod meta;
pub(crate) mod open;
pub(crate) mod orders;
pub(crate) mod pauses;
pub(crate) mod replies;
pub(crate) mod result_outcomes;
pub(crate) mod results;
pub(crate) mod resuming;
pub(crate) mod run_waits;
pub(crate) mod runs;
pub(crate) mod runs_by_label;
pub(crate) mod runs_by_status;
pub(crate) mod runs_by_workflow;
pub(crate) mod secrets;
pub(crate) mod set_aside;
pub(crate) mod starts;
pub(crate) mod states;
pub(crate) mod timers;
pub(crate) mod underway;
pub(crate) mod webhooks;
pub(crate) mod workflows;

pub use call_requests::Call;
pub use calls::{Attempts, Bounds};
pub use meta::{SCHEMA, TokenKeys};
pub use orders::ChildStart;
pub use pauses::{Pause, PausedBy, Pauses};
pub use replies::Reply;
pub use runs::{Parent, Run};
pub use secrets::SealedSecret;
pub use starts::Start;
pub use states::{CancelAsked, State};
pub use webhooks::Webhook;
pub use workflows::{Version, Workflow, WorkflowSettings};

pub use crate::rows::TableId;
