//! Triggers: fixed URLs that start runs, and how each handles requests.

use serde::{Deserialize, Serialize};

use crate::{Header, VersionId, WebhookOptions};

/// What a trigger does with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerOptions {
    /// The name of the workflow whose runs the trigger starts.
    pub workflow: String,
    /// The version of the workflow. None for the current version.
    pub version: Option<VersionId>,
    /// How a request is checked and answered. `Reply::FromWorkflow` means the run's output.
    pub webhook: WebhookOptions,
    /// Where the key of a request is, if requests with the same key belong to one run.
    pub key: Option<Place>,
    /// What happens to a request whose key belongs to a run that has not ended.
    pub on_existing: OnExisting,
    /// What happens to a request without a key.
    pub key_missing: KeyMissing,
    /// What happens to the requests that a run has not taken when it completes.
    pub unread: Unread,
    /// The labels of the runs that the trigger starts.
    pub labels: Vec<LabelRule>,
}

/// The place of a value in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// The header of this name.
    Header(String),
    /// The query parameter of this name.
    Query(String),
    /// The value in the body at this JSON pointer (RFC 6901).
    Json(String),
}

/// A label that a trigger gives to its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRule {
    /// The key of the label.
    pub key: String,
    /// Where the value of the label comes from.
    pub value: LabelValue,
}

/// Where the value of a label comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LabelValue {
    /// The value is always this text.
    Fixed(String),
    /// The value is in the request. If the request does not have it, the run does not get the label.
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
            /// All cases.
            pub const ALL: &[$type] = &[$($type::$case,)*];

            /// Returns the name that the API uses.
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
    /// What happens to a request whose key belongs to a run that has not ended.
    OnExisting {
        /// The request is answered with the id of that run, and changes nothing.
        Answer "answer",
        /// The request is sent to that run as an event with the trigger's name.
        Event "event",
    }
}

named! {
    /// What happens to a request without a key.
    KeyMissing {
        /// The request starts a run without a key.
        Start "start",
        /// The request is refused.
        Refuse "refuse",
    }
}

named! {
    /// What happens to the requests that a run has not taken when it completes.
    Unread {
        /// The first of the requests starts the next run of their key, which takes over the others.
        Start "start",
        /// The requests are dropped.
        Drop "drop",
    }
}

/// The request to a trigger that started a run, without its body, which is the run's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRequest {
    /// The name that the trigger had then.
    pub trigger: String,
    /// The method, in capitals.
    pub method: String,
    /// The URL that was called.
    pub url: String,
    /// The headers, without credentials and signatures.
    pub headers: Vec<Header>,
}
