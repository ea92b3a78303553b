//! Whether the options of a signature check make sense.

use dormouse_journal::{Signature, SignatureScheme};

/// Secrets of one check. Rotation needs two, and each costs a reading of the body.
const MOST_SECRETS: usize = 10;

/// Bytes of a secret's or a header's name, and of a prefix.
const LONGEST: usize = 64;

/// Checks what an author asked for.
///
/// # Errors
/// When no request could ever pass, or an option would do nothing. The sentence tells the author what to change.
pub fn check_signature(signature: &Signature) -> Result<(), String> {
    check_secrets(&signature.secrets)?;
    match (signature.scheme, &signature.header, &signature.prefix) {
        (SignatureScheme::HmacSha256, None, _) => Err(
            "the signature check `hmac-sha256` was given no `header`; name the header that carries the digest".into(),
        ),
        (SignatureScheme::HmacSha256, Some(header), prefix) => {
            check_header(header)?;
            check_prefix(prefix.as_deref().unwrap_or_default())
        }
        (scheme, Some(_), _) => Err(only_for_hmac(scheme, "header")),
        (scheme, _, Some(_)) => Err(only_for_hmac(scheme, "prefix")),
        (_, None, None) => Ok(()),
    }
}

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
    match secrets.iter().find(|name| !is_made_of(name, is_letter)) {
        Some(name) => Err(format!(
            "the signature check was given the secret {}; a secret's name is 1 to {LONGEST} letters, digits, `.`, `_` \
             and `-`",
            shown(name)
        )),
        None => Ok(()),
    }
}

fn check_header(name: &str) -> Result<(), String> {
    // A token of RFC 9110, section 5.6.2.
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if is_made_of(name, is_letter) {
        return Ok(());
    }
    Err(format!(
        "the signature check was given the header {}; the name of a header is 1 to {LONGEST} characters, such as \
         `X-Signature`",
        shown(name)
    ))
}

fn check_prefix(prefix: &str) -> Result<(), String> {
    // HTTP takes spaces off the start of a value.
    let is_visible = prefix.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if is_visible && !prefix.starts_with(' ') && prefix.len() <= LONGEST {
        return Ok(());
    }
    Err(format!(
        "the signature check was given the prefix {}, which no header can start with; pass at most {LONGEST} visible \
         ASCII characters, such as `sha256=`",
        shown(prefix)
    ))
}

fn only_for_hmac(scheme: SignatureScheme, option: &str) -> String {
    let scheme = scheme.name();
    format!(
        "the signature check `{scheme}` was given a `{option}`, which only `hmac-sha256` takes; pass none, since the \
         scheme says where its signature is"
    )
}

fn is_made_of(name: &str, is_letter: impl Fn(u8) -> bool) -> bool {
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_letter)
}

/// As much of a name as a sentence can hold.
fn shown(name: &str) -> String {
    let start: String = name.chars().take(LONGEST).collect();
    let more = if start.len() < name.len() { "…" } else { "" };
    format!("{start:?}{more}")
}
