//! Whether what a webhook says about its provider makes sense.

use dormouse_journal::Signature;

use crate::provider::{Check, Provider};

/// Secrets of one check. Rotation needs two, and each costs a reading of the body.
const MOST_SECRETS: usize = 10;

/// Bytes of a secret's name.
const LONGEST: usize = 64;

/// Checks what an author asked for.
///
/// # Errors
/// When no request could ever pass, or a setting would do nothing. The sentence tells the author what to change.
pub fn check_signature<'a>(
    provider: &'a Provider,
    signature: &'a Signature,
) -> Result<Check<'a>, String> {
    if !provider.signs() && !provider.probes_with_secret() {
        return Err(format!(
            "`{}` does not sign its requests; leave the signature out",
            provider.name()
        ));
    }
    check_secrets(&signature.secrets)?;
    provider.check(&signature.settings)
}

/// Checks the names of secrets.
fn check_secrets(secrets: &[String]) -> Result<(), String> {
    if secrets.is_empty() {
        return Err(
            "the signature check was given no secret; name at least one in `secrets`".into(),
        );
    }
    if secrets.len() > MOST_SECRETS {
        return Err(format!(
            "the signature check was given {} secrets; it takes at most {MOST_SECRETS}",
            secrets.len()
        ));
    }
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name =
        |name: &&String| (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_letter);
    match secrets.iter().find(|name| !is_name(name)) {
        Some(name) => Err(format!(
            "the signature check was given the secret {}; a secret's name is 1 to {LONGEST} letters, digits, `.`, `_` \
             and `-`",
            crate::provider::shown(name)
        )),
        None => Ok(()),
    }
}
