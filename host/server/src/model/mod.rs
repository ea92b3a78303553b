//! What the API says, as JSON: written by [`api`](crate::api), read by [`cli`](crate::cli), described by the OpenAPI
//! document. One file per subject, each with how it is made from what the store has.

mod content;
mod events;
mod journal;
mod logs;
mod mask;
mod problem;
mod recorded;
mod runs;
mod secrets;
mod time;
mod webhook_options;
mod webhooks;
mod workflows;

pub use content::{Content, HeaderField, Showing};
pub use events::{Notified, NotifiedRun};
pub use journal::{
    Activation, Completion, End, JournalPage, Operation, OperationDetails, Outcome, RequestView,
    ResponseView, StepOutcome,
};
pub use logs::{LogLine, LogPage};
pub use mask::Mask;
pub use problem::ProblemBody;
pub(crate) use recorded::call_error_code;
pub(crate) use runs::is_json;
pub use runs::{Failure, Run, RunPage, RunStatus, RunSummary, Waiting};
pub use secrets::{NewSecret, Secret, SecretUse, Secrets};
pub use time::Timestamp;
pub use webhook_options::{
    Handshake, SignatureCheck, SignatureScheme, WebhookOptions, WebhookReply,
};
pub use webhooks::{Webhook, Webhooks};
pub use workflows::{Deployed, Version, Workflow, Workflows};
