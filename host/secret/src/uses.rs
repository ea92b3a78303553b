//! The uses of a secret.

use serde::{Deserialize, Serialize};

use crate::{Origin, Secret};

/// One thing that one workflow may do with a secret. Everything that no use grants is denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Use {
    /// The workflow's name. The workflow need not be deployed yet.
    pub workflow: String,
    /// What the workflow may do.
    pub purpose: Purpose,
}

/// What a workflow may do with a secret.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Purpose {
    /// Requests to the workflow's webhooks may be checked with the secret.
    Verify,
    /// The workflow's calls may carry the secret to this origin.
    SendTo(Origin),
}

/// Why a secret cannot have these uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUses {
    /// There are no uses.
    #[error("a secret has at least one use: a workflow, and what that may do with it")]
    None,
    /// The value does not fit into a header.
    #[error(
        "a secret that may be sent has visible ASCII characters only, and no spaces: it becomes the value of a header"
    )]
    NotSendable,
    /// There are more uses than one row of the store has room for.
    #[error("a secret has at most {MOST_USES} uses, of {MOST_BYTES} bytes together")]
    TooMany,
}

/// The largest number of uses of a secret.
const MOST_USES: usize = 128;

/// The largest number of bytes of the names and origins of all uses of a secret.
const MOST_BYTES: usize = 32 << 10;

impl Use {
    /// Returns true if requests to this workflow's webhooks may be checked.
    #[must_use]
    pub fn lets_verify(&self, workflow: &str) -> bool {
        match self.purpose {
            Purpose::Verify => self.workflow == workflow,
            Purpose::SendTo(_) => false,
        }
    }

    /// Returns the number of bytes of the use's names.
    fn bytes(&self) -> usize {
        let origin = match &self.purpose {
            Purpose::Verify => 0,
            Purpose::SendTo(origin) => origin.as_str().len(),
        };
        self.workflow.len() + origin
    }

    /// Returns true if calls of this workflow may carry the secret to this URL.
    #[must_use]
    pub fn lets_send(&self, workflow: &str, url: &str) -> bool {
        match &self.purpose {
            Purpose::Verify => false,
            Purpose::SendTo(origin) => self.workflow == workflow && origin.is_origin_of(url),
        }
    }
}

/// Checks that a secret can have these uses.
///
/// # Errors
/// If there is no use, if there are too many, or if the value does not fit one of them.
pub fn check_uses(secret: &Secret, uses: &[Use]) -> Result<(), InvalidUses> {
    let is_sent = |granted: &Use| matches!(granted.purpose, Purpose::SendTo(_));
    if uses.is_empty() {
        Err(InvalidUses::None)
    } else if uses.iter().any(is_sent) && !secret.is_sendable() {
        Err(InvalidUses::NotSendable)
    } else if uses.len() > MOST_USES || uses.iter().map(Use::bytes).sum::<usize>() > MOST_BYTES {
        Err(InvalidUses::TooMany)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verify() -> Use {
        Use {
            workflow: "w".into(),
            purpose: Purpose::Verify,
        }
    }

    fn send() -> Use {
        Use {
            workflow: "w".into(),
            purpose: Purpose::SendTo("https://api.example".parse().unwrap()),
        }
    }

    #[test]
    fn a_use_grants_nothing_beyond_itself() {
        assert!(verify().lets_verify("w"));
        assert!(!verify().lets_verify("W") && !verify().lets_verify("other"));
        assert!(!verify().lets_send("w", "https://api.example/"));

        assert!(send().lets_send("w", "https://api.example/a"));
        assert!(!send().lets_send("other", "https://api.example/a"));
        assert!(!send().lets_send("w", "http://api.example/a"));
        assert!(!send().lets_verify("w"));
    }

    #[test]
    fn uses_and_value_fit_each_other() {
        let check = |value: &str, uses: &[Use]| {
            check_uses(&Secret::new(value.as_bytes().to_vec()).unwrap(), uses)
        };
        assert_eq!(check("pass word", &[verify()]), Ok(()));
        assert_eq!(check("password", &[verify(), send()]), Ok(()));
        assert_eq!(
            check("pass word", &[verify(), send()]),
            Err(InvalidUses::NotSendable)
        );
        assert_eq!(check("password", &[]), Err(InvalidUses::None));
    }
}
