//! Masks secrets in responses, so that no workflow learns a secret by asking a server to repeat it.
//!
//! A secret is found as it is, in hex, and within base64 of either alphabet, and so within base64 of the whole header.
//! The case of letters does not matter, and the escapes of URLs, JSON and HTML are resolved. A compressed response is
//! refused, since it cannot be searched.
//!
//! The search does not find a secret that a server splits, wraps into lines, encrypts, digests, escapes twice or sends
//! in UTF-16. Also, an attacker who chooses a part of the text that a server repeats can test whether a guess is masked,
//! which matters for secrets that can be guessed. Therefore a secret's rule names the origins that the secret may be
//! sent to: masking protects against servers that are trusted with the secret and careless with it, not against hostile
//! ones.

mod forms;
mod scan;

use bytes::Bytes;
use dormouse_journal::{CallError, Response};
use dormouse_seams::SecretHeader;
use http::header::{self, HeaderMap, HeaderName};

use crate::invalid::invalid;
use scan::Scanner;

/// The text that replaces a secret. All of its bytes are allowed in a header's name.
const MASK: &str = "***";

/// Masks the secrets of one attempt in its response or error. This includes a response after a redirect to another
/// origin, since the server that redirected knew the secret.
pub(crate) struct Mask {
    /// None if there is nothing to mask.
    scanner: Option<Scanner>,
}

impl Mask {
    /// Returns the mask for an attempt with these headers.
    pub(crate) fn new(secret_headers: &[SecretHeader]) -> Result<Self, CallError> {
        let secrets = secret_headers.iter();
        let forms: Vec<_> = secrets
            .flat_map(|header| &header.secrets)
            .flat_map(|secret| forms::of(secret.expose()))
            .collect();
        if forms.is_empty() {
            return Ok(Mask { scanner: None });
        }
        let Some(scanner) = Scanner::new(forms) else {
            return Err(invalid(
                "the secrets of the headers are too long for the response to be searched for them",
            ));
        };
        Ok(Mask {
            scanner: Some(scanner),
        })
    }

    /// Returns whether there is anything to mask.
    pub(crate) fn masks(&self) -> bool {
        self.scanner.is_some()
    }

    /// Returns whether a text contains a secret.
    pub(crate) fn finds_in(&self, text: &str) -> bool {
        let scanner = self.scanner.as_ref();
        scanner.is_some_and(|scanner| !scanner.find(text.as_bytes()).is_empty())
    }

    /// Refuses a response whose body is encoded, since an encoded body cannot be searched.
    pub(crate) fn check_body(&self, headers: &HeaderMap, authority: &str) -> Result<(), CallError> {
        if self.scanner.is_none() {
            return Ok(());
        }
        let plain = [
            (header::CONTENT_ENCODING, "identity"),
            (header::TRANSFER_ENCODING, "chunked"),
        ];
        for (name, coding) in plain {
            if !is_only(headers, &name, coding) {
                return Err(CallError::Denied(format!(
                    "{authority} encoded its response ({name}), though it was asked not to: a body that cannot be \
                     searched for the secret of the request's headers is not shown to the workflow"
                )));
            }
        }
        Ok(())
    }

    /// Returns a response with all secrets masked. Its `Content-Length` is the length of the masked body, since a workflow
    /// may rely on it. In a response without a body, such as one to HEAD, `Content-Length` stays as the server sent it.
    pub(crate) fn response(&self, response: Response) -> Response {
        let Some(scanner) = &self.scanner else {
            return response;
        };
        let body = masked(scanner, &response.body).map_or(response.body, Bytes::from);
        let headers = response.headers.into_iter();
        let headers = headers.map(|(name, value)| {
            let value = if name == header::CONTENT_LENGTH.as_str() && !body.is_empty() {
                Bytes::from(body.len().to_string())
            } else {
                masked(scanner, &value).map_or(value, Bytes::from)
            };
            (text(scanner, name), value)
        });
        Response {
            status: response.status,
            headers: headers.collect(),
            body: body.clone(),
        }
    }

    /// Returns an error with all secrets masked.
    pub(crate) fn error(&self, error: CallError) -> CallError {
        let Some(scanner) = &self.scanner else {
            return error;
        };
        match error {
            CallError::Denied(reason) => CallError::Denied(text(scanner, reason)),
            CallError::Invalid(reason) => CallError::Invalid(text(scanner, reason)),
            CallError::Unreachable(reason) => CallError::Unreachable(text(scanner, reason)),
            CallError::Other(mut failure) => {
                failure.message = text(scanner, failure.message);
                CallError::Other(failure)
            }
            CallError::TimedOut
            | CallError::TooLarge(_)
            | CallError::Interrupted
            | CallError::Abandoned => error,
        }
    }
}

/// Returns whether a header is missing, or names this coding and no other.
fn is_only(headers: &HeaderMap, name: &HeaderName, coding: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.all(|value| {
        value
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(coding.as_bytes())
    })
}

fn text(scanner: &Scanner, text: String) -> String {
    match masked(scanner, text.as_bytes()) {
        // A secret that is not UTF-8 may be a part of a letter, so the rest of the text may not be UTF-8 either.
        Some(masked) => String::from_utf8_lossy(&masked).into_owned(),
        None => text,
    }
}

/// Returns the bytes with every secret masked. None if there is no secret in them.
fn masked(scanner: &Scanner, bytes: &[u8]) -> Option<Vec<u8>> {
    let found = scanner.find(bytes);
    if found.is_empty() {
        return None;
    }
    let mut masked = Vec::with_capacity(bytes.len());
    let mut at = 0;
    for range in found {
        masked.extend_from_slice(&bytes[at..range.start]);
        masked.extend_from_slice(MASK.as_bytes());
        at = range.end;
    }
    masked.extend_from_slice(&bytes[at..]);
    Some(masked)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    use super::*;

    fn mask(secrets: &[&[u8]]) -> Mask {
        let headers = secrets.iter().map(|secret| SecretHeader {
            name: "x-key".into(),
            value: [b"Bearer ", *secret].concat().into(),
            secrets: vec![secret.to_vec().into()],
        });
        Mask::new(&headers.collect::<Vec<_>>()).unwrap()
    }

    /// Returns the body that a workflow sees of `body` in a call with this secret.
    fn seen(secret: &[u8], body: impl AsRef<[u8]>) -> String {
        let response = Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::copy_from_slice(body.as_ref()),
        };
        let body = mask(&[secret]).response(response).body;
        String::from_utf8_lossy(&body).into_owned()
    }

    fn check(secret: &str, body: &str, expected: &str) {
        assert_eq!(
            seen(secret.as_bytes(), body),
            expected,
            "{secret} in {body}"
        );
    }

    #[test]
    fn every_occurrence_and_nothing_else() {
        check("hunter2", "hunter2", "***");
        check("hunter2", "a hunter2, b Hunter2.", "a ***, b ***.");
        check(
            "hunter2",
            "hunter, unter2, hunter 2",
            "hunter, unter2, hunter 2",
        );
        check("hunter2", "hunthunter2", "hunt***");
        check("aba", "cababac", "c***c");
        check("hunter2", "hunter2hunter2!", "***!");
    }

    #[test]
    fn at_every_place_of_a_text() {
        for place in 0..60 {
            let (before, after) = ("-".repeat(place), "-".repeat(60 - place));
            let expected = format!("{before}***{after}");
            check("hunter2", &format!("{before}hunter2{after}"), &expected);
            check("hunter2", &format!("{before}%68unter2{after}"), &expected);
        }
    }

    #[test]
    fn whatever_a_url_escapes() {
        let secret = "p+q/r=s t\"";
        for text in [
            "p%2Bq%2Fr%3Ds%20t%22",
            "p%2bq%2fr%3ds+t%22",
            "p+q/r=s%20t%22",
            "%70%2B%71%2F%72%3D%73%20%74%22",
        ] {
            check(secret, &format!("?key={text}&n=%2B"), "?key=***&n=%2B");
        }
        check("a%+5b/", "a%+5b%2F", "***");
        check("100%", "100%25 100% 100%2", "*** *** ***2");
        check("hunter2", "%68%75%6", "%68%75%6");
    }

    #[test]
    fn whatever_json_escapes() {
        let secret = "p+q/r\\s\"<t>";
        for text in [
            r#"p+q/r\\s\"<t>"#,
            r#"p+q\/r\\s\"<t>"#,
            r"p\u002Bq/r\u005Cs\u0022\u003Ct\u003E",
            r"\u0070\u002b\u0071\u002f\u0072\u005c\u0073\u0022\u003c\u0074\u003e",
        ] {
            check(secret, &format!("\"\\n{text}\\n\""), "\"\\n***\\n\"");
        }
        check("hunter2", r"\u0068\u00", r"\u0068\u00");
    }

    #[test]
    fn whatever_html_escapes() {
        let secret = "p+q=r&s<t>";
        for text in [
            "p+q=r&amp;s&lt;t&gt;",
            "p&#43;q&#61;r&amp;s&lt;t&gt;",
            "p&#x2B;q&#x3d;r&#38;s&#x00003c;t&#062;",
        ] {
            check(secret, &format!("<b>{text}</b>&amp;"), "<b>***</b>&amp;");
        }
        check("hunter2", "&#10", "&#10");
    }

    #[test]
    fn letters_beyond_ascii_however_they_are_read() {
        check("pässword", "pässword", "***");
        check("pässword", "p%C3%A4ssword", "***");
        check("pässword", r"p\u00e4ssword p\u00E4ssword", "*** ***");
        check("pässword", r"p\u00c3\u00a4ssword pÃ¤ssword", "*** ***");
        check("pä/ss", r"p\u00e4\/ss", "***");
        check("p🔑ss", r"p\ud83d\udd11ss", "***");
        assert_eq!(seen(b"p\xe4ssword", "pässword"), "***");
        assert_eq!(seen(b"p\xe4ssword", b"p\xe4ssword"), "***");
    }

    #[test]
    fn hex_in_either_case() {
        check("hunter2", "0x68756e74657232.", "0x***.");
        check("hunter2", "68756E74657232", "***");
    }

    /// The letters of the base64 that depend only on the text around the secret are kept.
    #[test]
    fn base64_wherever_the_secret_stands_in_it() {
        let secret = "key~~?>?>/\u{7f}9";
        for (before, after) in (0..4).flat_map(|before| (0..4).map(move |after| (before, after))) {
            let plain = [&"<<<"[..before], secret, &">>>"[..after]].concat();
            for alphabet in [STANDARD, URL_SAFE] {
                let whole = alphabet.encode(&plain);
                let start = before * 8 / 6;
                let end = ((before + secret.len()) * 8).div_ceil(6);
                let expected = format!("{}***{}", &whole[..start], &whole[end..]);
                check(secret, &whole, &expected);
                let escaped = |text: &str| text.replace('+', "%2B").replace('/', "%2f");
                check(secret, &escaped(&whole), &escaped(&expected));
            }
        }
        check(
            "hunter2",
            &STANDARD.encode("Bearer hunter2"),
            "QmVhcmVyI***=",
        );
        // The letter with the secret's last bits is a `/`, which is escaped.
        let escaped = STANDARD.encode(b"hunter?\xf0").replace('/', "%2F");
        check("hunter?", &escaped, "***A=");
    }

    #[test]
    fn several_secrets_in_one_pass() {
        let mask = mask(&[b"hunter2", b"ter2swordfish", b""]);
        let text = "hunter2swordfish hunter2 swordfish";
        let error = mask.error(CallError::Other(dormouse_journal::Failure {
            code: "other".into(),
            message: text.into(),
        }));
        let CallError::Other(failure) = error else {
            panic!("{error:?}")
        };
        assert_eq!(failure.message, "*** *** swordfish");
    }

    #[test]
    fn spaces_around_a_secret_are_lost_on_the_way() {
        check(" hunter2\t", "hunter2", "***");
    }

    #[test]
    fn an_empty_secret_is_nowhere() {
        check("", "text", "text");
        check("  ", "text  ", "text  ");
    }

    #[test]
    fn short_secrets_are_masked_as_they_are() {
        check("a", "banana", "b***n***n***");
        check("ab", "6162 YWI", "6162 YWI");
    }

    #[test]
    fn errors_say_no_secret() {
        let mask = mask(&[b"hunter2"]);
        let text = || "at hunter2.example".to_owned();
        for (error, expected) in [
            (
                CallError::Denied(text()),
                CallError::Denied("at ***.example".into()),
            ),
            (
                CallError::Invalid(text()),
                CallError::Invalid("at ***.example".into()),
            ),
            (
                CallError::Unreachable(text()),
                CallError::Unreachable("at ***.example".into()),
            ),
            (CallError::TooLarge(4), CallError::TooLarge(4)),
        ] {
            assert_eq!(mask.error(error), expected);
        }
    }
}
