//! The types of the HTTP API: the JSON of its answers, and how requests are read.
//!
//! This crate has no server and no store, so that a client needs neither, and so that everything in it can be fuzzed.
//! There is one file for each subject, with the types that the server writes, the command line reads and the OpenAPI
//! document describes. Types that are made from the journal also say how. [`request`] reads what callers write into a
//! query, a header or a body.

mod actions;
mod content;
mod difference;
mod events;
mod few;
mod health;
mod journal;
mod logs;
mod mask;
mod output;
mod pauses;
mod problem;
mod providers;
mod recorded;
mod repairs;
pub mod request;
mod runs;
mod secrets;
mod time;
mod triggers;
mod waiting;
mod webhook_options;
mod webhooks;
mod workflows;

pub use actions::{ActOnRuns, Acted, ActedRun, Action, ActionLine, NoOptions};
pub use content::{Content, HeaderField, Showing};
pub use difference::{Difference, Side};
pub use events::{Notified, NotifiedRun};
pub use health::{ClockStep, Degraded, Health};
pub use journal::{
    Activation, Completion, End, JournalPage, Operation, OperationDetails, Outcome, RequestView,
    ResponseView, StepOutcome,
};
pub use logs::{LogLine, LogPage};
pub use mask::Mask;
pub use output::{is_json, output};
pub use pauses::{PausedRun, Pauses};
pub use problem::ProblemBody;
pub use providers::{Provider, ProviderSummary, Providers};
pub use recorded::call_error_code;
pub use repairs::{
    BackTotals, CallAgain, ChildBack, MoveLine, MoveResult, MoveRun, MoveRuns, MovedRun, MovedRuns,
    RepairedRun, RequestBack, RetryRun, TakenBack, WorkflowSettings,
};
pub use runs::{
    BadAnswer, CancelAsked, CancelRun, FailedTry, Failure, RestartRun, Run, RunCounts, RunPage,
    RunStatus, RunSummary, SetAside, StartedRun, TriedOperation,
};
pub use secrets::{ChangedUses, NewSecret, Secret, SecretUse, Secrets};
pub use time::{Dates, Timestamp};
pub use triggers::{
    EarlierUrl, LabelValue, Place, RotateTrigger, SetTrigger, Trigger, TriggerReply, Triggers, span,
};
pub use waiting::Waiting;
pub use webhook_options::{SignatureCheck, WebhookOptions, WebhookReply};
pub use webhooks::{DeliveryName, Forget, Forgotten, UnusableSecret, Webhook, Webhooks};
pub use workflows::{Deployed, Version, Workflow, Workflows};
