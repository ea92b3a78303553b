//! Secrets: the requests that set them, and the answers, which never have the value.

use dormouse_secret::{Origin, Purpose, Use};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;

/// All secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secrets {
    /// The secrets, by name.
    pub secrets: Vec<Secret>,
}

/// A secret, without its value, which nobody can read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// The name of the secret.
    #[schema(example = "stripe")]
    pub name: String,
    /// The allowed uses of the secret. Every other use is denied.
    pub uses: Vec<SecretUse>,
    /// When the secret was first set.
    pub created: Timestamp,
    /// When the secret was last set.
    pub updated: Timestamp,
    /// True if the host has the key that the secret is sealed with. Otherwise the secret cannot be used until the host has the
    /// key again, or the secret is set again.
    pub readable: bool,
}

/// A secret that is to be set.
// It has no `Debug`, which would show the value.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSecret {
    /// The value: 8 to 4096 bytes of UTF-8 without control characters. If it may be sent, it has visible ASCII characters only.
    #[schema(
        example = "Another_Made-Up-Value-5E8ab217",
        min_length = 8,
        max_length = 4096
    )]
    pub value: String,
    /// The allowed uses; at least one.
    #[schema(min_items = 1)]
    pub uses: Vec<SecretUse>,
}

/// How the uses of a secret are to change. Its value does not change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangedUses {
    /// Uses that are allowed from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add: Vec<SecretUse>,
    /// Uses that are no longer allowed. A use that was not allowed is ignored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove: Vec<SecretUse>,
}

/// One thing that one workflow may do with a secret: either `verify` or `send_to`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretUse {
    /// The workflow's name. It need not be deployed yet.
    #[schema(example = "payment")]
    pub workflow: String,
    /// If true, the workflow's webhooks and triggers may check requests by the secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// The workflow's calls may carry the secret to this origin: scheme, host, and port if it is not the scheme's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://api.example.com")]
    pub send_to: Option<String>,
}

impl SecretUse {
    /// Creates the use that checks requests to this workflow's webhooks.
    #[must_use]
    pub fn verify(workflow: &str) -> Self {
        SecretUse {
            workflow: workflow.to_owned(),
            verify: true,
            send_to: None,
        }
    }

    /// Creates the use that sends the secret to this origin in this workflow's calls.
    #[must_use]
    pub fn send_to(workflow: &str, origin: &str) -> Self {
        SecretUse {
            workflow: workflow.to_owned(),
            verify: false,
            send_to: Some(origin.to_owned()),
        }
    }

    /// Returns the purpose of the use.
    ///
    /// # Errors
    /// When there is not exactly one purpose, or the origin is not valid.
    pub fn purpose(&self) -> Result<Purpose, String> {
        match (self.verify, &self.send_to) {
            (true, None) => Ok(Purpose::Verify),
            (false, Some(origin)) => origin
                .parse::<Origin>()
                .map(Purpose::SendTo)
                .map_err(|error| error.to_string()),
            _ => Err("give either `verify: true` or `send_to`, and one use for each".into()),
        }
    }
}

impl From<Use> for SecretUse {
    fn from(granted: Use) -> Self {
        match granted.purpose {
            Purpose::Verify => SecretUse::verify(&granted.workflow),
            Purpose::SendTo(origin) => SecretUse::send_to(&granted.workflow, &origin.to_string()),
        }
    }
}
