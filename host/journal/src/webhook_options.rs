//! The options of a webhook, and their encoding.
//!
//! Schemes and probes were once fixed lists, encoded as the number of an entry. Options that were possible then are
//! still encoded in that way. So rows and records of that time can be read, and the digest of the same arguments is
//! unchanged. Newer options are encoded as a variant at the end of each list.

use serde::{Deserialize, Serialize};

use crate::Reply;

/// How a webhook handles requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenOptions", into = "WrittenOptions")]
pub struct WebhookOptions {
    /// The methods that are delivered. Empty for POST, PUT, PATCH and DELETE.
    pub methods: Vec<String>,
    /// The signature that a request must have.
    pub signature: Option<Signature>,
    /// The provider whose probes the host answers.
    pub handshake: Option<String>,
    /// How a caller is answered.
    pub reply: Reply,
    /// The webhook's own description of a provider, as its author wrote it.
    pub description: Option<String>,
    /// How far a signed time may be from the host's time, in milliseconds.
    pub tolerance: Option<u64>,
    /// The origins whose pages may send requests from a browser.
    pub cors: Vec<String>,
}

/// The check that a request must pass before it is queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name of the provider, whose description says how it signs.
    pub provider: String,
    /// The names of secrets. Any of them may match.
    pub secrets: Vec<String>,
    /// The settings of the description, in the order of their names.
    pub settings: Vec<(String, String)>,
}

impl WebhookOptions {
    /// Returns true if requests with this method are delivered.
    #[must_use]
    pub fn delivers(&self, method: &str) -> bool {
        self.delivered_methods().contains(&method)
    }

    /// Returns the methods that are delivered.
    #[must_use]
    pub fn delivered_methods(&self) -> Vec<&str> {
        if self.methods.is_empty() {
            vec!["POST", "PUT", "PATCH", "DELETE"]
        } else {
            self.methods.iter().map(String::as_str).collect()
        }
    }
}

impl Default for WebhookOptions {
    fn default() -> Self {
        WebhookOptions {
            methods: Vec::new(),
            signature: None,
            handshake: None,
            reply: Reply::Accepted,
            description: None,
            tolerance: None,
            cors: Vec::new(),
        }
    }
}

/// [`WebhookOptions`] in their encoded form.
#[derive(Clone, Serialize, Deserialize)]
struct WrittenOptions {
    methods: Vec<String>,
    signature: Option<WrittenSignature>,
    handshake: WrittenHandshake,
    reply: Reply,
}

/// [`Signature`] in its encoded form.
#[derive(Clone, Serialize, Deserialize)]
struct WrittenSignature {
    scheme: WrittenScheme,
    secrets: Vec<String>,
    header: Option<String>,
    prefix: Option<String>,
}

/// A signature scheme in its encoded form. The order is the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrittenScheme {
    /// `standard-webhooks`
    StandardWebhooks,
    /// `github`
    Github,
    /// `stripe`
    Stripe,
    /// `slack`
    Slack,
    /// `hmac-sha256`, with the settings `header` and `prefix` and no others.
    HmacSha256,
    /// Any other provider.
    Provider {
        /// The name of the provider.
        name: String,
        /// The settings of its description.
        settings: Vec<(String, String)>,
    },
}

/// The probe that the host answers, in its encoded form, with the options that were added later. The order is the
/// format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrittenHandshake {
    /// No probe is expected.
    None,
    /// `slack`
    Slack,
    /// `meta`
    Meta,
    /// `microsoft-graph`
    MicrosoftGraph,
    /// `websub`
    Websub,
    /// Any other provider, and the options that were added later.
    More {
        /// The name of the provider.
        handshake: Option<String>,
        /// The webhook's own description.
        description: Option<String>,
        /// The tolerance in milliseconds.
        tolerance: Option<u64>,
        /// The allowed origins.
        cors: Vec<String>,
    },
}

/// The schemes that are encoded as a number.
const SCHEMES: [(WrittenScheme, &str); 5] = [
    (WrittenScheme::StandardWebhooks, "standard-webhooks"),
    (WrittenScheme::Github, "github"),
    (WrittenScheme::Stripe, "stripe"),
    (WrittenScheme::Slack, "slack"),
    (WrittenScheme::HmacSha256, "hmac-sha256"),
];

/// The probes that are encoded as a number.
const HANDSHAKES: [(WrittenHandshake, &str); 4] = [
    (WrittenHandshake::Slack, "slack"),
    (WrittenHandshake::Meta, "meta"),
    (WrittenHandshake::MicrosoftGraph, "microsoft-graph"),
    (WrittenHandshake::Websub, "websub"),
];

/// The settings of `hmac-sha256`.
const HEADER: &str = "header";
const PREFIX: &str = "prefix";

impl From<WebhookOptions> for WrittenOptions {
    fn from(options: WebhookOptions) -> Self {
        let WebhookOptions {
            methods,
            signature,
            handshake,
            reply,
            description,
            tolerance,
            cors,
        } = options;
        let is_plain = description.is_none() && tolerance.is_none() && cors.is_empty();
        let known = match handshake.as_deref() {
            _ if !is_plain => None,
            None => Some(WrittenHandshake::None),
            Some(name) => HANDSHAKES
                .iter()
                .find(|(_, known)| *known == name)
                .map(|(written, _)| written.clone()),
        };
        WrittenOptions {
            methods,
            signature: signature.map(WrittenSignature::from),
            handshake: known.unwrap_or(WrittenHandshake::More {
                handshake,
                description,
                tolerance,
                cors,
            }),
            reply,
        }
    }
}

impl From<WrittenOptions> for WebhookOptions {
    fn from(written: WrittenOptions) -> Self {
        let WrittenOptions {
            methods,
            signature,
            handshake,
            reply,
        } = written;
        let plain = WebhookOptions {
            methods,
            signature: signature.map(Signature::from),
            reply,
            ..WebhookOptions::default()
        };
        match handshake {
            WrittenHandshake::More {
                handshake,
                description,
                tolerance,
                cors,
            } => WebhookOptions {
                handshake,
                description,
                tolerance,
                cors,
                ..plain
            },
            known => {
                let mut names = HANDSHAKES.iter();
                let name = names.find(|(written, _)| *written == known);
                WebhookOptions {
                    handshake: name.map(|(_, name)| (*name).to_owned()),
                    ..plain
                }
            }
        }
    }
}

impl From<Signature> for WrittenSignature {
    fn from(signature: Signature) -> Self {
        let Signature {
            provider,
            secrets,
            settings,
        } = signature;
        let known = SCHEMES.iter().find(|(_, name)| *name == provider);
        let known = known.map(|(written, _)| written.clone());
        let value = |name: &str| {
            let mut values = settings.iter().filter(|(given, _)| given == name);
            values.next().map(|(_, value)| value.clone())
        };
        let (header, prefix) = match &known {
            Some(WrittenScheme::HmacSha256) => (value(HEADER), value(PREFIX)),
            _ => (None, None),
        };
        let said = usize::from(header.is_some()) + usize::from(prefix.is_some());
        match known {
            Some(scheme) if said == settings.len() => WrittenSignature {
                scheme,
                secrets,
                header,
                prefix,
            },
            _ => WrittenSignature {
                scheme: WrittenScheme::Provider {
                    name: provider,
                    settings,
                },
                secrets,
                header: None,
                prefix: None,
            },
        }
    }
}

impl From<WrittenSignature> for Signature {
    fn from(written: WrittenSignature) -> Self {
        let WrittenSignature {
            scheme,
            secrets,
            header,
            prefix,
        } = written;
        if let WrittenScheme::Provider { name, settings } = scheme {
            return Signature {
                provider: name,
                secrets,
                settings,
            };
        }
        let mut known = SCHEMES.iter();
        let name = known.find(|(known, _)| *known == scheme);
        let header = header.map(|header| (HEADER.to_owned(), header));
        let prefix = prefix.map(|prefix| (PREFIX.to_owned(), prefix));
        Signature {
            provider: name.map_or_else(String::new, |(_, name)| (*name).to_owned()),
            secrets,
            settings: header.into_iter().chain(prefix).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(provider: &str, settings: &[(&str, &str)]) -> WebhookOptions {
        let settings = settings.iter();
        let settings = settings.map(|(name, value)| ((*name).into(), (*value).into()));
        WebhookOptions {
            signature: Some(Signature {
                provider: provider.into(),
                secrets: vec!["s".into()],
                settings: settings.collect(),
            }),
            ..WebhookOptions::default()
        }
    }

    /// Tests bytes that were written when schemes and probes were fixed lists.
    #[test]
    fn options_of_the_first_version_are_encoded_as_before() {
        let probe = |name: &str| WebhookOptions {
            handshake: Some(name.into()),
            ..WebhookOptions::default()
        };
        for (options, bytes) in [
            (WebhookOptions::default(), &[0, 0, 0, 0][..]),
            (
                signed("standard-webhooks", &[]),
                &[0, 1, 0, 1, 1, b's', 0, 0, 0, 0],
            ),
            (signed("github", &[]), &[0, 1, 1, 1, 1, b's', 0, 0, 0, 0]),
            (signed("stripe", &[]), &[0, 1, 2, 1, 1, b's', 0, 0, 0, 0]),
            (signed("slack", &[]), &[0, 1, 3, 1, 1, b's', 0, 0, 0, 0]),
            (
                signed("hmac-sha256", &[("header", "x"), ("prefix", "p")]),
                &[0, 1, 4, 1, 1, b's', 1, 1, b'x', 1, 1, b'p', 0, 0],
            ),
            (
                signed("hmac-sha256", &[("header", "x")]),
                &[0, 1, 4, 1, 1, b's', 1, 1, b'x', 0, 0, 0],
            ),
            (probe("slack"), &[0, 0, 1, 0]),
            (probe("meta"), &[0, 0, 2, 0]),
            (probe("microsoft-graph"), &[0, 0, 3, 0]),
            (probe("websub"), &[0, 0, 4, 0]),
        ] {
            assert_eq!(postcard::to_stdvec(&options).unwrap(), bytes, "{options:?}");
            let read: WebhookOptions = postcard::from_bytes(bytes).unwrap();
            assert_eq!(read, options);
        }
    }

    #[test]
    fn later_options_survive_encoding() {
        let all = WebhookOptions {
            methods: vec!["POST".into()],
            handshake: Some("acme".into()),
            description: Some("name = \"acme\"".into()),
            tolerance: Some(600_000),
            cors: vec!["https://app.example".into()],
            ..signed("acme", &[("x", "y")])
        };
        for options in [
            all.clone(),
            WebhookOptions {
                handshake: Some("slack".into()),
                ..all.clone()
            },
            WebhookOptions {
                description: None,
                tolerance: None,
                cors: Vec::new(),
                ..all
            },
            signed("github", &[("x", "y")]),
            signed("hmac-sha256", &[("header", "x"), ("other", "y")]),
        ] {
            let bytes = postcard::to_stdvec(&options).unwrap();
            let read: WebhookOptions = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(read, options);
        }
    }
}
