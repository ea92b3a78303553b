//! The body of the request that sets a secret. No error repeats any part of the value.

use dormouse_secret::{Secret, Use};
use serde_json::error::Category;

use super::{Malformed, workflow_name};
use crate::{ChangedUses, NewSecret, SecretUse};

/// Why a body is not a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecretBody {
    /// The body is not JSON.
    #[error("{0}")]
    Malformed(Malformed),
    /// The body is JSON, but not that of a secret, or has a value that no secret can have.
    #[error("{0}")]
    Invalid(String),
}

/// Returns the value and the uses in a body.
///
/// # Errors
/// When the body is not JSON, or not that of a secret.
pub fn new_secret(body: &[u8]) -> Result<(Secret, Vec<Use>), InvalidSecretBody> {
    let new: NewSecret = serde_json::from_slice(body).map_err(|error| wrong_form(&error))?;
    let value = Secret::new(new.value.into_bytes()).map_err(invalid)?;
    Ok((value, understand_uses("uses", &new.uses)?))
}

/// Returns the uses that a body adds, and those that it removes.
///
/// # Errors
/// When the body is not JSON, or does not have these fields.
pub fn changed_uses(body: &[u8]) -> Result<(Vec<Use>, Vec<Use>), InvalidSecretBody> {
    let changed: ChangedUses = serde_json::from_slice(body).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        malformed(&error, &place).unwrap_or_else(|| {
            invalid(format!(
                "the body does not say which uses change, at {place}: give {{\"add\": [{{\"workflow\": \"…\", \"verify\": \
                 true}}], \"remove\": [{{\"workflow\": \"…\", \"send_to\": \"https://…\"}}]}}, each field once at most, and \
                 no others"
            ))
        })
    })?;
    Ok((
        understand_uses("add", &changed.add)?,
        understand_uses("remove", &changed.remove)?,
    ))
}

fn understand_uses(field: &str, uses: &[SecretUse]) -> Result<Vec<Use>, InvalidSecretBody> {
    let uses = (0..).zip(uses);
    let uses = uses.map(|(place, granted)| understand_use(field, place, granted));
    uses.collect()
}

fn understand_use(
    field: &str,
    place: usize,
    granted: &SecretUse,
) -> Result<Use, InvalidSecretBody> {
    let wrong = |why: &str| {
        invalid(format!(
            "`{field}[{place}]` is not a use of a secret: {why}"
        ))
    };
    if workflow_name(&granted.workflow).is_err() {
        return Err(wrong(
            "`workflow` has 1 to 64 characters out of a-z, 0-9, - and _",
        ));
    }
    let purpose = granted.purpose().map_err(|why| wrong(&why))?;
    Ok(Use {
        workflow: granted.workflow.clone(),
        purpose,
    })
}

/// Returns the error for a body, which names only the place: the text of the parser's error repeats what it found
/// there, which may be the value.
fn wrong_form(error: &serde_json::Error) -> InvalidSecretBody {
    let place = format!("line {}, column {}", error.line(), error.column());
    malformed(error, &place).unwrap_or_else(|| {
        invalid(format!(
            "the body is not a secret, at {place}: give {{\"value\": \"…\", \"uses\": [{{\"workflow\": \"…\", \"verify\": \
             true}}, {{\"workflow\": \"…\", \"send_to\": \"https://…\"}}]}}, each field once, and no others"
        ))
    })
}

/// Returns the error for a body that is not JSON. None if it is JSON with other content.
fn malformed(error: &serde_json::Error, place: &str) -> Option<InvalidSecretBody> {
    let why = format!("is not JSON, at {place}");
    match error.classify() {
        Category::Data => None,
        Category::Syntax | Category::Eof | Category::Io => Some(InvalidSecretBody::Malformed(
            Malformed::new("invalid-json", "the body", why),
        )),
    }
}

fn invalid(why: impl std::fmt::Display) -> InvalidSecretBody {
    InvalidSecretBody::Invalid(why.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: &str = "A_Made-Up-Value-7F3c91d04bE2";
    const VERIFY: &str = r#"[{"workflow": "w", "verify": true}]"#;

    fn body(value: &str, uses: &str) -> String {
        format!("{{\"value\": {value}, \"uses\": {uses}}}")
    }

    #[track_caller]
    fn refused(body: &str, is_json: bool) -> String {
        let error = new_secret(body.as_bytes()).unwrap_err();
        assert_eq!(matches!(error, InvalidSecretBody::Invalid(_)), is_json);
        let detail = error.to_string();
        for part in [VALUE, "4242424242424242", "Made-Up"] {
            assert!(!detail.contains(part), "{detail}");
        }
        detail
    }

    #[test]
    fn a_value_and_its_uses() {
        let uses = r#"[{"workflow": "w", "verify": true}, {"workflow": "v", "send_to": "https://API.example:443"}]"#;
        let (value, uses) = new_secret(body(&format!("{VALUE:?}"), uses).as_bytes()).unwrap();
        assert_eq!(value.expose_text(), VALUE);
        let shown: Vec<SecretUse> = uses.into_iter().map(SecretUse::from).collect();
        let expected = [
            SecretUse::verify("w"),
            SecretUse::send_to("v", "https://api.example"),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn whatever_is_wrong_the_value_is_not_repeated() {
        for form in [
            body("4242424242424242", VERIFY),
            body(&format!("[{VALUE:?}]"), VERIFY),
            body(&format!("{VALUE:?}"), &format!("{VALUE:?}")),
            body(&format!("{VALUE:?}"), &format!("[{VALUE:?}]")),
            format!("{VALUE:?}"),
            format!("{{{VALUE:?}: 1}}"),
            format!("{{\"value\": {VALUE:?}}}"),
            format!("{{\"value\": {VALUE:?}, \"value\": {VALUE:?}, \"uses\": {VERIFY}}}"),
            format!("{{\"value\": {VALUE:?}, \"uses\": {VERIFY}, {VALUE:?}: 1}}"),
            body(
                &format!("{VALUE:?}"),
                &format!("[{{\"workflow\": \"w\", \"verify\": {VALUE:?}}}]"),
            ),
            body(
                &format!("{VALUE:?}"),
                &format!("[{{\"workflow\": \"w\", \"verify\": true, {VALUE:?}: 1}}]"),
            ),
        ] {
            let detail = refused(&form, true);
            assert!(detail.contains("the body is not a secret, at line 1, column"));
        }
        for not_json in [
            format!("{{\"value\": {VALUE}"),
            format!("{{\"value\": \"{VALUE}"),
            VALUE.to_owned(),
            body(&format!("{VALUE:?}"), VERIFY) + VALUE,
            String::new(),
        ] {
            refused(&not_json, false);
        }
    }

    #[test]
    fn uses_are_named_by_their_place() {
        let check = |granted: &str, says: &str| {
            let uses = format!("[{{\"workflow\": \"w\", \"verify\": true}}, {granted}]");
            let detail = refused(&body(&format!("{VALUE:?}"), &uses), true);
            assert!(
                detail.contains("`uses[1]`") && detail.contains(says),
                "{detail}"
            );
        };
        check(r#"{"workflow": "w"}"#, "either `verify: true` or `send_to`");
        check(
            r#"{"workflow": "w", "verify": false}"#,
            "either `verify: true` or `send_to`",
        );
        check(
            r#"{"workflow": "w", "verify": true, "send_to": "https://api.example"}"#,
            "either `verify: true` or `send_to`",
        );
        check(r#"{"workflow": "W", "verify": true}"#, "a-z, 0-9, - and _");
        check(
            &format!("{{\"workflow\": {VALUE:?}, \"verify\": true}}"),
            "a-z, 0-9, - and _",
        );
        check(
            &format!("{{\"workflow\": \"w\", \"send_to\": \"https://me:{VALUE}@api.example\"}}"),
            "an origin is http:// or https://",
        );
    }

    #[test]
    fn changes_of_uses_are_understood_or_named() {
        let (add, remove) = changed_uses(
            br#"{"add": [{"workflow": "w", "verify": true}], "remove": [{"workflow": "v", "send_to": "https://a.example"}]}"#,
        )
        .unwrap();
        let shown = |uses: Vec<Use>| uses.into_iter().map(SecretUse::from).collect::<Vec<_>>();
        assert_eq!(shown(add), [SecretUse::verify("w")]);
        assert_eq!(
            shown(remove),
            [SecretUse::send_to("v", "https://a.example")]
        );
        assert_eq!(changed_uses(b"{}").unwrap(), (Vec::new(), Vec::new()));
        for (body, says) in [
            (r#"{"uses": []}"#, "does not say which uses change"),
            (r#"{"remove": [{"workflow": "w"}]}"#, "`remove[0]`"),
            ("{", "is not JSON"),
        ] {
            let detail = changed_uses(body.as_bytes()).unwrap_err().to_string();
            assert!(detail.contains(says), "{detail}");
        }
    }

    #[test]
    fn a_value_that_cannot_be_one_is_refused() {
        let check = |value: &str, says: &str| {
            let detail = refused(&body(value, VERIFY), true);
            assert!(detail.contains(says), "{detail}");
        };
        check("\"short\"", "8 to 4096 bytes");
        check("\"two\\nlines\"", "must not have control characters");
    }
}
