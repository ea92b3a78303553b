//! Checks the options of a webhook or a trigger that concern its provider.

use dormouse_journal::Signature;

use crate::provider::{Check, Provider, Providers, shown};

/// The longest description of the webhook's own, in bytes. It is in the journal, and beside the run's state.
const LONGEST_DESCRIPTION: usize = 16 << 10;

/// The largest number of origins that a webhook may list, and the longest one.
const ORIGINS: usize = 16;
const ORIGIN_LENGTH: usize = 256;

/// The largest number of secrets of one check. Rotation needs two, and for each the body is read.
const MOST_SECRETS: usize = 10;

/// The longest name of a secret, in bytes.
const LONGEST: usize = 64;

/// Checks what an author asked for.
///
/// # Errors
/// When no request could ever pass, or a setting would have no effect. The sentence tells the author what to
/// change.
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
            shown(name)
        )),
        None => Ok(()),
    }
}

/// Compiles a webhook's own description, and runs its test vectors.
///
/// # Errors
/// When it is not a description. The sentence tells the author what to change.
pub fn own_provider(text: &str) -> Result<Provider, String> {
    if text.len() > LONGEST_DESCRIPTION {
        return Err(format!(
            "the description has {} bytes; one of a webhook's own may have {LONGEST_DESCRIPTION}. A larger one can be \
             given to the host by `--providers-dir`",
            text.len()
        ));
    }
    let wrong = |error: String| format!("the description is wrong: {error}");
    let own = Provider::compile("description", text).map_err(|error| wrong(error.to_string()))?;
    if Providers::is_built_in(own.name()) {
        return Err(format!(
            "the description has the name {:?}, which this host has a description for; give it another name",
            own.name()
        ));
    }
    match own.run_vectors().into_iter().next() {
        Some((line, why)) => Err(wrong(format!("line {line}: {why}"))),
        None => Ok(own),
    }
}

/// Returns the provider of this name: the webhook's own, or one that the host knows. `what` is for messages.
///
/// # Errors
/// When it is neither.
pub fn find_provider<'p>(
    what: &str,
    name: &str,
    own: Option<&'p Provider>,
    known: &'p Providers,
) -> Result<&'p Provider, String> {
    let found = own.filter(|own| own.name() == name);
    if let Some(found) = found.or_else(|| known.get(name).map(AsRef::as_ref)) {
        return Ok(found);
    }
    let not_own = if own.is_some() {
        ", nor is it the name of the webhook's own description"
    } else {
        ""
    };
    Err(format!(
        "{what} is {}, which this host does not know{not_own}; {}; a webhook can carry a `description` of its own",
        shown(name),
        known.suggestion(name)
    ))
}

/// Parses a time, such as `10m`, or a number of milliseconds.
///
/// # Errors
/// When the text is not a time, or the time is zero.
pub fn read_tolerance(text: &str) -> Result<u64, String> {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let unit = match unit {
        "" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let time = number.parse::<u64>().ok();
    let time = time.and_then(|number| number.checked_mul(unit));
    time.filter(|time| *time > 0).ok_or_else(|| {
        format!(
            "the tolerance is {}; it is a time such as `10m`, or a number of milliseconds",
            shown(text)
        )
    })
}

/// Checks the origins from which pages may send requests, such as `https://app.example`.
///
/// # Errors
/// When there are too many, or one of them is not an origin.
pub fn check_origins(origins: &[String]) -> Result<(), String> {
    if origins.len() > ORIGINS {
        return Err(format!(
            "{} origins were allowed by `cors`; it takes at most {ORIGINS}",
            origins.len()
        ));
    }
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(()),
        Some(wrong) => Err(format!(
            "`cors` is {}; it is the origin of pages, in small letters and without a path, such as \
             `https://app.example`, or `*` for all",
            shown(wrong)
        )),
    }
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    let is_origin = host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_letter));
    text == "*" || is_origin && text.len() <= ORIGIN_LENGTH
}
