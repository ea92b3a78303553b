//! The first difference between code and a run's journal: both sides, argument by argument.
//!
//! The journal has the smaller arguments of an operation and a short digest of each other argument, so that all
//! differing arguments are named. The recorded body of a call is shown only while the call has no result.

use dormouse_journal::{Arguments, CallOptions, Kind, Mismatch, Request, SecretHeader};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::journal::OperationDetails;
use super::{Mask, Showing};

/// The number of bytes of a body or a text that are shown.
const BEGINNING: usize = 64;

/// The number of headers or labels that are shown.
const MOST: usize = 32;

/// Parts of header names whose values are not shown, in addition to [`Mask`].
const SECRET: [&str; 5] = ["auth", "key", "password", "secret", "token"];

/// Where code does not repeat a run's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// The number of the activation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<u32>,
    /// The number of the operation.
    pub operation: u32,
    /// The operation that the journal has there.
    pub recorded: Side,
    /// The operation that the code made instead.
    pub made: Side,
    /// If both operations are of one kind: the names of the arguments that differ, as far as that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<String>,
}

/// One side of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Side {
    /// The import that was called. `nothing` if no further operation was made before the next completion, `end` if the run
    /// ended, and `other-end` if it ended with another result than the recorded one.
    #[schema(example = "call")]
    pub kind: String,
    /// The step name, which the author chose. Absent if this side is not an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The digest of the arguments, which replay compares besides the step. Absent if this side is not an operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The arguments by name, as far as they are known. A body is shown by its size and its beginning. Values of headers that
    /// may be credentials are left out.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    pub arguments: Map<String, Value>,
}

impl Difference {
    /// Returns the shown form of a difference that replay found.
    #[must_use]
    pub fn of(mismatch: &Mismatch) -> Self {
        let recorded = Side::of(&mismatch.expected, mismatch.kept.as_deref());
        let made = Side::of(&mismatch.found, mismatch.made.as_deref());
        Difference {
            activation: mismatch.activation,
            operation: mismatch.number.0,
            recorded,
            made,
            differs: differing(mismatch),
        }
    }
}

/// Returns the names of the differing arguments: those that a kind has are compared by their values, the others by
/// their digests.
fn differing(mismatch: &Mismatch) -> Vec<String> {
    use dormouse_journal::Side;
    let (Side::Operation(expected), Side::Operation(found)) = (&mismatch.expected, &mismatch.found)
    else {
        return Vec::new();
    };
    if expected.kind.name() != found.kind.name() {
        return Vec::new();
    }
    let (recorded, made) = (of_kind(&expected.kind), of_kind(&found.kind));
    let values = recorded
        .iter()
        .filter(|(name, value)| made.get(*name) != Some(*value));
    let others = made.keys().filter(|name| !recorded.contains_key(*name));
    let by_value = values.map(|(name, _)| name).chain(others).cloned();
    let by_digest = mismatch.differing().into_iter().map(str::to_owned);
    let mut differs: Vec<String> = by_value.chain(by_digest).collect();
    differs.sort_unstable();
    differs.dedup();
    differs
}

impl Side {
    fn of(side: &dormouse_journal::Side, arguments: Option<&Arguments>) -> Self {
        let operation = match side {
            dormouse_journal::Side::Operation(operation) => operation,
            dormouse_journal::Side::Quiescence => return Side::no_operation("nothing"),
            dormouse_journal::Side::End => return Side::no_operation("end"),
            dormouse_journal::Side::OtherEnd => return Side::no_operation("other-end"),
        };
        let mut all = of_kind(&operation.kind);
        if let Some(arguments) = arguments {
            add(&mut all, arguments);
        }
        Side {
            kind: operation.kind.name().into(),
            step: Some(operation.step.clone()),
            digest: Some(operation.digest.to_string()),
            arguments: all,
        }
    }

    fn no_operation(kind: &str) -> Self {
        Side {
            kind: kind.into(),
            step: None,
            digest: None,
            arguments: Map::new(),
        }
    }
}

/// Returns the arguments that a kind has, without results.
fn of_kind(kind: &Kind) -> Map<String, Value> {
    let details = OperationDetails::of(kind, &mut Showing::new(Mask::default()));
    let mut fields = match serde_json::to_value(&details) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    fields.remove("kind");
    match kind {
        Kind::CreateWebhook { .. } => {
            fields.remove("webhook");
            fields.remove("url");
        }
        Kind::Begin { .. } => {
            fields.remove("outcome");
        }
        _ => {}
    }
    fields
}

/// Adds the arguments that a kind does not have.
fn add(fields: &mut Map<String, Value>, arguments: &Arguments) {
    match arguments {
        Arguments::Call { request, options } => add_call(fields, request, options),
        Arguments::Respond { response, .. } => {
            fields.insert("headers".into(), headers(&response.headers));
            fields.insert("body".into(), beginning(&response.body));
        }
        Arguments::Notify { payload, .. } => {
            fields.insert("content_type".into(), text(&payload.content_type));
            fields.insert("body".into(), beginning(&payload.body));
        }
        Arguments::StartRun { input, options, .. } => {
            let labels = options.labels.iter().take(MOST).map(|label| text(label));
            fields.insert("content_type".into(), text(&input.content_type));
            fields.insert("input".into(), beginning(&input.body));
            fields.insert("timeout_ms".into(), options.timeout.into());
            fields.insert("labels".into(), labels.collect());
        }
        Arguments::CancelRun { options, .. } => {
            let reason = options.reason.as_deref().map(text);
            fields.insert("reason".into(), reason.into());
        }
        _ => {}
    }
}

fn add_call(fields: &mut Map<String, Value>, request: &Request, options: &CallOptions) {
    fields.insert("headers".into(), headers(&request.headers));
    let secret = options.secret_headers.iter().take(MOST).map(secret_header);
    fields.insert("secret_headers".into(), secret.collect());
    fields.insert("body".into(), beginning(&request.body));
    fields.insert("redirects".into(), options.redirects.into());
    fields.insert("timeout_ms".into(), options.timeout.into());
    let key = options.idempotency_key.as_deref().map(text);
    fields.insert("idempotency_key".into(), key.into());
}

/// Returns a header with secrets as the names of its secrets, without the text around them.
fn secret_header(header: &SecretHeader) -> Value {
    let secrets: Vec<&str> = header.secrets().collect();
    json!({"name": header.name, "secrets": secrets})
}

fn headers(headers: &[dormouse_journal::Header]) -> Value {
    let mask = Mask::default();
    let shown = headers.iter().take(MOST).map(|(name, value)| {
        let lower = name.to_ascii_lowercase();
        let is_hidden = mask.hides(name) || SECRET.iter().any(|part| lower.contains(part));
        let value = match is_hidden {
            true => "(not shown)".into(),
            false => text(&String::from_utf8_lossy(value)),
        };
        json!({"name": name, "value": value})
    });
    shown.collect()
}

fn beginning(body: &[u8]) -> Value {
    let first = &body[..body.len().min(BEGINNING)];
    json!({"size": body.len(), "begins": String::from_utf8_lossy(first)})
}

/// Shortens a text.
fn text(text: &str) -> Value {
    text[..text.floor_char_boundary(BEGINNING)].into()
}

#[cfg(test)]
mod tests {
    use dormouse_journal::{Digest, Fields, Operation, OperationNumber, RetryPolicy};

    use super::*;

    fn call(body: &str, key: &str) -> Arguments {
        Arguments::Call {
            request: Request {
                method: "POST".into(),
                url: "https://example.com/a".into(),
                headers: vec![
                    ("x-api-key".into(), key.to_owned().into()),
                    ("accept".into(), "text/plain".into()),
                ],
                body: body.to_owned().into(),
            },
            options: CallOptions {
                secret_headers: vec![SecretHeader::prefixed(
                    "authorization",
                    "Basic aGk6",
                    "TOKEN",
                )],
                ..CallOptions::default()
            },
        }
    }

    fn operation(arguments: &Arguments) -> Operation {
        Operation {
            step: "charge".into(),
            digest: Digest::of(arguments),
            kind: Kind::Call {
                method: "POST".into(),
                url: "https://example.com/a".into(),
                retry: RetryPolicy::default(),
            },
            fields: Fields::of(arguments),
        }
    }

    fn mismatch(recorded: &Arguments, made: &Arguments) -> Mismatch {
        let (recorded, now) = (operation(recorded), operation(made));
        Mismatch::new(OperationNumber(3), Some(&recorded), now, made)
    }

    #[test]
    fn the_arguments_that_differ_are_named_although_one_side_is_not_kept() {
        let made = call(&"x".repeat(100), "k-live-2");
        let shown = Difference::of(&mismatch(&call("old", "k-live-1"), &made));
        assert_eq!(shown.differs, ["body", "headers"]);
        assert_eq!(shown.recorded.arguments.get("body"), None);
        assert_eq!(shown.recorded.arguments["url"], "https://example.com/a");
        let body = &shown.made.arguments["body"];
        assert_eq!(*body, json!({"size": 100, "begins": "x".repeat(BEGINNING)}));
    }

    #[test]
    fn the_kept_parts_of_a_call_are_shown_without_credentials() {
        let (recorded, made) = (call("old", "k-live-1"), call("new", "k-live-2"));
        let mut mismatch = mismatch(&recorded, &made);
        mismatch.kept = Some(Box::new(recorded));
        let shown = Difference::of(&mismatch);
        assert_eq!(shown.recorded.arguments["body"]["begins"], "old");
        assert_eq!(shown.made.arguments["body"]["begins"], "new");
        let text = serde_json::to_string(&shown).unwrap();
        for hidden in ["k-live", "aGk6"] {
            assert!(!text.contains(hidden), "{text}");
        }
        assert!(
            text.contains("TOKEN") && text.contains("text/plain"),
            "{text}"
        );
    }

    #[test]
    fn a_record_without_digests_is_compared_only_by_the_fields_of_its_kind() {
        let (recorded, made) = (call("old", "k"), call("new", "k"));
        let mut mismatch = mismatch(&recorded, &made);
        if let dormouse_journal::Side::Operation(operation) = &mut mismatch.expected {
            operation.fields = Fields::default();
        }
        assert_eq!(Difference::of(&mismatch).differs, Vec::<String>::new());
    }
}
