//! What can happen to the store, one file per subject. Each is checked against the tables, then written, as one.

mod accept;
mod activate;
mod attempts;
mod commit;
mod control;
mod deploy;
mod edit;
mod events;
mod retire;
mod secrets;
mod start;

pub(crate) use edit::Edits;

pub use accept::{Accept, Accepted, DeliveryKey, InboxLimits, OtherBody, RequestRefused};
pub use activate::{Activated, NewCall, NewNotify, NewResponse, NotifyTarget, Refused, Step};
pub use attempts::AttemptMade;
pub use control::{Cancelled, Resumed};
pub use deploy::{Deploy, Deployed};
pub use events::{AimedNotified, MailLimits, Notified, Served};
pub use secrets::{PutSecret, SecretPut};
pub use start::{StartRun, Started};
