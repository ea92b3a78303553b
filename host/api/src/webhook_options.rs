//! How a webhook treats what is sent to it, wherever that is shown.

use clap::ValueEnum;
use dormouse_journal as journal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a webhook treats what is sent to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WebhookOptions {
    /// The methods that reach the run.
    pub methods: Vec<String>,
    /// What a request must prove, if anything.
    pub signature: Option<SignatureCheck>,
    /// Whose probe the host answers, if anybody's.
    pub handshake: Option<Handshake>,
    /// What a caller is answered.
    pub reply: WebhookReply,
}

/// The check that a request must pass before it is queued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignatureCheck {
    /// Which check.
    pub scheme: SignatureScheme,
    /// Names of secrets, any of which may match.
    pub secrets: Vec<String>,
    /// The header of `hmac-sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// What stands before the digest of `hmac-sha256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// How a request proves who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SignatureScheme {
    /// `webhook-signature`, as standardwebhooks.com says
    StandardWebhooks,
    /// `X-Hub-Signature-256`
    Github,
    /// `Stripe-Signature`
    Stripe,
    /// `X-Slack-Signature`
    Slack,
    /// A header of one's choice
    HmacSha256,
}

/// Whose probe the host answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Handshake {
    /// `url_verification`
    Slack,
    /// `hub.challenge`
    Meta,
    /// `validationToken`
    MicrosoftGraph,
    /// Verification of intent
    Websub,
}

/// What a caller is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum WebhookReply {
    /// 202, as soon as the request is durable.
    Accepted,
    /// Always the same.
    Fixed {
        /// Its status.
        status: u16,
    },
    /// What the workflow responds in time; 202 otherwise.
    FromWorkflow {
        /// How long the caller is held at most.
        within_ms: u64,
    },
}

impl From<&journal::WebhookOptions> for WebhookOptions {
    fn from(options: &journal::WebhookOptions) -> Self {
        let methods = options.delivered_methods().into_iter();
        WebhookOptions {
            methods: methods.map(str::to_owned).collect(),
            signature: options.signature.as_ref().map(Into::into),
            handshake: match options.handshake {
                journal::Handshake::None => None,
                journal::Handshake::Slack => Some(Handshake::Slack),
                journal::Handshake::Meta => Some(Handshake::Meta),
                journal::Handshake::MicrosoftGraph => Some(Handshake::MicrosoftGraph),
                journal::Handshake::Websub => Some(Handshake::Websub),
            },
            reply: match &options.reply {
                journal::Reply::Accepted => WebhookReply::Accepted,
                journal::Reply::Fixed(response) => WebhookReply::Fixed {
                    status: response.status,
                },
                journal::Reply::FromWorkflow(within) => {
                    WebhookReply::FromWorkflow { within_ms: *within }
                }
            },
        }
    }
}

impl From<&journal::Signature> for SignatureCheck {
    fn from(check: &journal::Signature) -> Self {
        SignatureCheck {
            scheme: check.scheme.into(),
            secrets: check.secrets.clone(),
            header: check.header.clone(),
            prefix: check.prefix.clone(),
        }
    }
}

impl From<journal::SignatureScheme> for SignatureScheme {
    fn from(scheme: journal::SignatureScheme) -> Self {
        match scheme {
            journal::SignatureScheme::StandardWebhooks => SignatureScheme::StandardWebhooks,
            journal::SignatureScheme::Github => SignatureScheme::Github,
            journal::SignatureScheme::Stripe => SignatureScheme::Stripe,
            journal::SignatureScheme::Slack => SignatureScheme::Slack,
            journal::SignatureScheme::HmacSha256 => SignatureScheme::HmacSha256,
        }
    }
}

impl From<SignatureScheme> for journal::SignatureScheme {
    fn from(scheme: SignatureScheme) -> Self {
        match scheme {
            SignatureScheme::StandardWebhooks => journal::SignatureScheme::StandardWebhooks,
            SignatureScheme::Github => journal::SignatureScheme::Github,
            SignatureScheme::Stripe => journal::SignatureScheme::Stripe,
            SignatureScheme::Slack => journal::SignatureScheme::Slack,
            SignatureScheme::HmacSha256 => journal::SignatureScheme::HmacSha256,
        }
    }
}

impl SignatureScheme {
    /// As the contract and the API spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        journal::SignatureScheme::from(self).name()
    }
}

impl Handshake {
    /// As the contract and the API spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Handshake::Slack => "slack",
            Handshake::Meta => "meta",
            Handshake::MicrosoftGraph => "microsoft-graph",
            Handshake::Websub => "websub",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_spelled_the_same_everywhere() {
        for scheme in SignatureScheme::value_variants() {
            assert_eq!(json!(scheme), scheme.as_str());
            let argument = scheme.to_possible_value().unwrap();
            assert_eq!(argument.get_name(), scheme.as_str());
            let recorded = journal::SignatureScheme::from(*scheme);
            assert_eq!(SignatureScheme::from(recorded), *scheme);
        }
        for handshake in [
            Handshake::Slack,
            Handshake::Meta,
            Handshake::MicrosoftGraph,
            Handshake::Websub,
        ] {
            assert_eq!(json!(handshake), handshake.as_str());
        }
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
    fn of_a_fixed_answer_the_status_is_shown() {
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
