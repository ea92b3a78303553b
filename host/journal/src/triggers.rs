//! Triggers: fixed URLs that start runs, and how each treats what is sent to it.

use serde::{Deserialize, Serialize};

use crate::{Header, VersionId, WebhookOptions};

/// What a trigger does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerOptions {
    /// The workflow whose runs it starts.
    pub workflow: String,
    /// This version of the workflow rather than its current one.
    pub version: Option<VersionId>,
    /// How a request is checked, and what its caller is answered. `Reply::FromWorkflow` means the run's output.
    pub webhook: WebhookOptions,
    /// Where the key of a request lies, if requests with one key belong to one run.
    pub key: Option<Place>,
    /// What becomes of a request whose key a run has that has not ended.
    pub on_existing: OnExisting,
    /// What becomes of a request without a key.
    pub key_missing: KeyMissing,
    /// What becomes of requests that a run was sent and never took before it completed.
    pub unread: Unread,
    /// The labels of the runs that it starts.
    pub labels: Vec<LabelRule>,
}

/// A place in a request that has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The header of this name.
    Header(String),
    /// The query parameter of this name.
    Query(String),
    /// What this JSON pointer (RFC 6901) leads to in the body.
    Json(String),
}

/// A label that a trigger gives to its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRule {
    /// The label's key.
    pub key: String,
    /// Where its value comes from.
    pub value: LabelValue,
}

/// Where the value of a label comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelValue {
    /// It is always this.
    Fixed(String),
    /// It lies in the request. A run whose request has no such value does not get the label.
    At(Place),
}

macro_rules! named {
    ($(#[$comment:meta])* $type:ident { $($(#[$case_comment:meta])* $case:ident $name:literal,)* }) => {
        $(#[$comment])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $type {
            $($(#[$case_comment])* $case,)*
        }

        impl $type {
            /// All of them.
            pub const ALL: &[$type] = &[$($type::$case,)*];

            /// Returns its name in the API.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($type::$case => $name,)*
                }
            }
        }
    };
}

named! {
    /// What becomes of a request whose key a run has that has not ended.
    OnExisting {
        /// It is answered with that run's id, and changes nothing.
        Answer "answer",
        /// It is sent to that run as an event with the trigger's name.
        Event "event",
    }
}

named! {
    /// What becomes of a request without a key.
    KeyMissing {
        /// It starts a run of its own.
        Start "start",
        /// It is refused.
        Refuse "refuse",
    }
}

named! {
    /// What becomes of requests that a run was sent and never took before it completed.
    Unread {
        /// The first of them starts the next run with their key, which takes over the others.
        Start "start",
        /// They are dropped.
        Drop "drop",
    }
}

/// The request that started a run by a trigger, without its body, which is the run's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRequest {
    /// The name that the trigger had.
    pub trigger: String,
    /// The method, in capitals.
    pub method: String,
    /// The URL that was called.
    pub url: String,
    /// The headers, without credentials and signatures.
    pub headers: Vec<Header>,
}
