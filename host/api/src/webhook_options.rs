//! The options of a webhook, as they are shown.

use std::collections::BTreeMap;

use dormouse_journal as journal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a webhook treats requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookOptions {
    /// The methods that reach the run.
    pub methods: Vec<String>,
    /// The check of signatures that a request must pass, if any.
    pub signature: Option<SignatureCheck>,
    /// The provider whose probes the host answers, if any.
    pub handshake: Option<String>,
    /// What a caller is answered.
    pub reply: WebhookReply,
    /// The description of a provider that the webhook has itself, as TOML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How far a signed time may be from the host's time, in milliseconds, if the webhook says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_ms: Option<u64>,
    /// The origins whose pages may send requests from a browser.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<String>,
}

/// The check of signatures that a request must pass before it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureCheck {
    /// The provider whose description says how it signs.
    pub scheme: String,
    /// Names of secrets, any of which may match.
    pub secrets: Vec<String>,
    /// The header of `hmac-sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The text before the digest of `hmac-sha256` in the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The settings that the descriptions of other providers ask for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

/// What a caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WebhookReply {
    /// 202, as soon as the request is durable.
    Accepted,
    /// Always the same response, as soon as the request is durable.
    Fixed {
        /// The status of the response.
        status: u16,
    },
    /// The workflow's answer if it comes in time, otherwise 202.
    FromWorkflow {
        /// How long the caller waits at most.
        within_ms: u64,
    },
}

impl From<&journal::WebhookOptions> for WebhookOptions {
    fn from(options: &journal::WebhookOptions) -> Self {
        let methods = options.delivered_methods().into_iter();
        WebhookOptions {
            methods: methods.map(str::to_owned).collect(),
            signature: options.signature.as_ref().map(Into::into),
            handshake: options.handshake.clone(),
            reply: match &options.reply {
                journal::Reply::Accepted => WebhookReply::Accepted,
                journal::Reply::Fixed(response) => WebhookReply::Fixed {
                    status: response.status,
                },
                journal::Reply::FromWorkflow(within) => {
                    WebhookReply::FromWorkflow { within_ms: *within }
                }
            },
            description: options.description.clone(),
            tolerance_ms: options.tolerance,
            cors: options.cors.clone(),
        }
    }
}

/// The provider whose two settings have fields of their own, which are older than other settings.
const GENERIC: &str = "hmac-sha256";

impl From<&journal::Signature> for SignatureCheck {
    fn from(check: &journal::Signature) -> Self {
        let mut settings: BTreeMap<String, String> = check.settings.iter().cloned().collect();
        let is_generic = check.provider == GENERIC;
        let mut field = |name| is_generic.then(|| settings.remove(name)).flatten();
        SignatureCheck {
            scheme: check.provider.clone(),
            secrets: check.secrets.clone(),
            header: field("header"),
            prefix: field("prefix"),
            settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_of_hmac_sha256_have_fields_of_their_own() {
        let shown = |provider: &str| {
            json!(SignatureCheck::from(&journal::Signature {
                provider: provider.into(),
                secrets: vec!["s".into()],
                settings: vec![("header".into(), "X".into())],
            }))
        };
        assert_eq!(
            shown("hmac-sha256"),
            json!({"scheme": "hmac-sha256", "secrets": ["s"], "header": "X"})
        );
        assert_eq!(
            shown("acme"),
            json!({"scheme": "acme", "secrets": ["s"], "settings": {"header": "X"}})
        );
    }

    #[test]
    fn a_webhook_without_options_takes_what_writes_and_answers_202() {
        let shown = WebhookOptions::from(&journal::WebhookOptions::default());
        let expected = json!({
            "methods": ["POST", "PUT", "PATCH", "DELETE"], "signature": null, "handshake": null,
            "reply": {"kind": "accepted"},
        });
        assert_eq!(json!(shown), expected);
    }

    #[test]
    fn the_status_of_a_fixed_answer_is_shown() {
        let response = journal::Response {
            status: 418,
            headers: Vec::new(),
            body: "short and stout".into(),
        };
        let shown = WebhookOptions::from(&journal::WebhookOptions {
            reply: journal::Reply::Fixed(response),
            ..journal::WebhookOptions::default()
        });
        assert_eq!(json!(shown.reply), json!({"kind": "fixed", "status": 418}));
    }
}
