//! Triggers: the requests that set them, and the answers about them.

use std::collections::BTreeMap;

use dormouse_journal::{self as journal, KeyMissing, OnExisting, Unread};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{SignatureCheck, Timestamp, UnusableSecret};

/// A trigger that is to be set. A trigger of the same name is changed and keeps its URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetTrigger {
    /// The workflow whose runs the trigger starts. It must be deployed.
    #[schema(example = "github-bot")]
    pub workflow: String,
    /// The version of the workflow that the runs get. If absent, it is the version that is current when a request comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The methods that start runs. If absent, they are POST, PUT, PATCH and DELETE.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The provider that calls. It says how requests are signed, and which probe the host answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "github")]
    pub provider: Option<String>,
    /// A description of a provider that this host does not know, as TOML; `provider` is its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The settings that the provider's description asks for, such as `header` and `prefix` of `hmac-sha256`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Names of secrets, any of which may have signed a request. Each must be allowed to verify for the workflow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// How far a signed time may be from the host's time, such as `10m`. If absent, the provider's description says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "10m")]
    pub tolerance: Option<String>,
    /// The origins whose pages may send requests from a browser, such as `https://app.example`, or `*` for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<String>,
    /// What a caller is answered. If absent, it is 202 with the run's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<TriggerReply>,
    /// The place of the key in a request, if requests with the same key belong to one run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Place>,
    /// What becomes of a request whose key a run has that has not ended. `answer`, the default: the request is answered with
    /// that run's id. `event`: it is sent to that run, as an event with the trigger's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "event")]
    pub on_existing: Option<OnExisting>,
    /// What becomes of a request without a key. `start`, the default: it starts a run of its own. `refuse`: it is answered 422.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "refuse")]
    pub key_missing: Option<KeyMissing>,
    /// What becomes of requests that were sent to a run, and that it has not taken when it completes. `start`, the default:
    /// they start the next run with their key. `drop`: they are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "drop")]
    pub unread: Option<Unread>,
    /// The labels of the runs, each with a value or the place of one in the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"source": "github", "order": {"json": "/order/id"}}))]
    pub labels: BTreeMap<String, LabelValue>,
}

/// A place in a request that has a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The header of this name.
    Header(String),
    /// The query parameter of this name.
    Query(String),
    /// The value at this JSON pointer in the body, such as `/order/id`.
    Json(String),
}

/// The value of a label, or where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(
    untagged,
    expecting = "a label has a text, or a place such as {\"json\": \"/order/id\"}, {\"header\": \"X-Order\"} or \
                 {\"query\": \"order\"}"
)]
pub enum LabelValue {
    /// This text.
    Fixed(String),
    /// The value at this place in the request.
    At(Place),
}

/// What the caller of a trigger is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum TriggerReply {
    /// 202 with the run's id.
    Accepted,
    /// Always this response.
    Fixed {
        /// A status from 200 to 599.
        status: u16,
        /// Headers, by name.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        body: String,
    },
    /// The run's output, if it ends in time.
    Output {
        /// How long the caller waits at most. The host limits the time.
        #[schema(example = "10s")]
        within: String,
    },
}

/// All triggers, or a page of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Triggers {
    /// The triggers, by name.
    pub triggers: Vec<Trigger>,
    /// The value of `cursor` for the next page. Absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A trigger: a fixed URL that starts a run for each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trigger {
    /// The name of the trigger.
    pub name: String,
    /// The URL of the trigger. Everybody who knows it can call it, so treat it as a password.
    pub url: String,
    /// Earlier URLs that are still valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_urls: Vec<EarlierUrl>,
    /// The workflow whose runs the trigger starts.
    pub workflow: String,
    /// The version of the workflow that the runs get. If absent, it is the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The methods that start runs.
    pub methods: Vec<String>,
    /// The provider that calls, if the trigger names one.
    pub provider: Option<String>,
    /// The check of signatures that a request must pass, if any.
    pub signature: Option<SignatureCheck>,
    /// The description of a provider that the trigger has itself, as TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How far a signed time may be from the host's time, if the trigger says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<String>,
    /// The origins whose pages may send requests from a browser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<String>,
    /// What a caller is answered.
    pub reply: TriggerReply,
    /// The place of the key in a request, if requests with the same key belong to one run.
    pub key: Option<Place>,
    /// What becomes of a request whose key a run has that has not ended.
    #[schema(value_type = String)]
    pub on_existing: OnExisting,
    /// What becomes of a request without a key.
    #[schema(value_type = String)]
    pub key_missing: KeyMissing,
    /// What becomes of requests that a run has not taken when it completes.
    #[schema(value_type = String)]
    pub unread: Unread,
    /// The labels of the runs.
    pub labels: BTreeMap<String, LabelValue>,
    /// True if the trigger is paused, and refuses requests.
    pub paused: bool,
    /// When the trigger was first set.
    pub created: Timestamp,
    /// When the trigger was last set.
    pub updated: Timestamp,
    /// The number of requests that started a run.
    pub started: u64,
    /// The number of requests that belonged to an existing run: they were sent to it, or answered with its id.
    pub existing: u64,
    /// When the last of these requests came.
    pub last: Option<Timestamp>,
    /// The number of refused requests since the host started, by the code of the problem.
    pub refused: BTreeMap<String, u64>,
    /// When the last refused request came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<Timestamp>,
    /// The trigger's secrets that are not valid keys for the provider's signature, so that no request can be checked by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable_secrets: Vec<UnusableSecret>,
}

/// A URL that a rotation has replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EarlierUrl {
    /// The URL.
    pub url: String,
    /// Until when it is valid.
    pub until: Timestamp,
}

/// How a trigger gets another URL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateTrigger {
    /// How long the present URLs stay valid, such as `24h`, which is the default. `0s` ends them at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "24h")]
    pub keep_old: Option<String>,
}

impl From<&journal::Place> for Place {
    fn from(place: &journal::Place) -> Self {
        match place.clone() {
            journal::Place::Header(name) => Place::Header(name),
            journal::Place::Query(name) => Place::Query(name),
            journal::Place::Json(pointer) => Place::Json(pointer),
        }
    }
}

impl From<&Place> for journal::Place {
    fn from(place: &Place) -> Self {
        match place.clone() {
            Place::Header(name) => journal::Place::Header(name),
            Place::Query(name) => journal::Place::Query(name),
            Place::Json(pointer) => journal::Place::Json(pointer),
        }
    }
}

impl From<&journal::LabelValue> for LabelValue {
    fn from(value: &journal::LabelValue) -> Self {
        match value {
            journal::LabelValue::Fixed(value) => LabelValue::Fixed(value.clone()),
            journal::LabelValue::At(place) => LabelValue::At(place.into()),
        }
    }
}

impl From<&LabelValue> for journal::LabelValue {
    fn from(value: &LabelValue) -> Self {
        match value {
            LabelValue::Fixed(value) => journal::LabelValue::Fixed(value.clone()),
            LabelValue::At(place) => journal::LabelValue::At(place.into()),
        }
    }
}

impl From<&journal::Reply> for TriggerReply {
    fn from(reply: &journal::Reply) -> Self {
        match reply {
            journal::Reply::Accepted => TriggerReply::Accepted,
            journal::Reply::Fixed(response) => TriggerReply::Fixed {
                status: response.status,
                headers: response
                    .headers
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), String::from_utf8_lossy(value).into_owned())
                    })
                    .collect(),
                body: String::from_utf8_lossy(&response.body).into_owned(),
            },
            journal::Reply::FromWorkflow(within) => TriggerReply::Output {
                within: span(*within),
            },
        }
    }
}

/// Formats a span of milliseconds.
#[must_use]
pub fn span(milliseconds: u64) -> String {
    if milliseconds.is_multiple_of(1_000) {
        format!("{}s", milliseconds / 1_000)
    } else {
        format!("{milliseconds}ms")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, json};

    use super::*;

    #[test]
    fn trigger_options_are_read_and_unknown_ones_are_named() {
        let text = r#"{"workflow": "w", "reply": {"kind": "output", "within": "10s"}, "key": {"json": "/id"},
            "on_existing": "event", "labels": {"a": "b", "c": {"query": "d"}}}"#;
        let set: SetTrigger = from_str(text).unwrap();
        assert_eq!(set.key, Some(Place::Json("/id".into())));
        assert_eq!(set.labels["c"], LabelValue::At(Place::Query("d".into())));
        let refused = |text: &str| from_str::<SetTrigger>(text).unwrap_err().to_string();
        for (text, part) in [
            (r#"{"workflow": "w", "replay": 1}"#, "`replay`"),
            (r#"{"workflow": "w", "key": {"body": "/id"}}"#, "`body`"),
            (
                r#"{"workflow": "w", "on_existing": "x"}"#,
                "`answer` or `event`",
            ),
            (r#"{"workflow": "w", "labels": {"a": 1}}"#, "/order/id"),
            (
                r#"{"workflow": "w", "reply": {"kind": "late"}}"#,
                "`output`",
            ),
        ] {
            assert!(refused(text).contains(part), "{}", refused(text));
        }
    }

    #[test]
    fn a_reply_is_shown_as_it_is_set() {
        let reply = TriggerReply::from(&journal::Reply::FromWorkflow(1_500));
        assert_eq!(json!(reply), json!({"kind": "output", "within": "1500ms"}));
        let accepted = TriggerReply::from(&journal::Reply::Accepted);
        assert_eq!(json!(accepted), json!({"kind": "accepted"}));
    }
}
