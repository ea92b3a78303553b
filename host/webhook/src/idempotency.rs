//! `Idempotency-Key`: a caller's own name for a request, by which a repeat is recognised. The same rule applies to
//! requests to webhooks and to starts.
//!
//! The IETF draft <https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header> writes the key as a
//! string in quotation marks (RFC 9651, section 3.3.3), but most callers write it without them: `"k"` and `k` are one
//! key. Its characters are visible ASCII and spaces. It may be as long as a head can be, because only its digest is
//! kept.

use dormouse_journal::Request;

const NAME: &str = "idempotency-key";

/// A key, without the quotation marks in which it may have been written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Why an `Idempotency-Key` is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// There are several keys, and nobody knows which one is meant.
    #[error("the request has more than one header Idempotency-Key; send only one")]
    Repeated,
    /// The key is empty.
    #[error("the header Idempotency-Key is empty; give it a value, or leave it out")]
    Empty,
    /// A byte is neither visible ASCII nor a space.
    #[error(
        "the header Idempotency-Key has the byte 0x{byte:02x} after {place} others; a key consists of visible ASCII \
         characters and spaces"
    )]
    Byte {
        /// The byte.
        byte: u8,
        /// The number of bytes before it.
        place: usize,
    },
    /// The key begins like a string in quotation marks, but is not one.
    #[error(
        "the header Idempotency-Key begins with a quotation mark and is not one string in quotation marks, in which \\ and \
         \" are written \\\\ and \\\"; write it so, or bare"
    )]
    Quoted,
}

impl IdempotencyKey {
    /// Reads the key from the values of all headers `Idempotency-Key`.
    ///
    /// # Errors
    /// When there are several keys, or the key is not valid. The header was meant for this host, so its sender is told.
    pub fn read<'a>(
        values: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Option<Self>, InvalidKey> {
        let mut values = values.into_iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => parse(value).map(Some),
            (Some(_), Some(_)) => Err(InvalidKey::Repeated),
        }
    }

    /// Reads the key of a request.
    ///
    /// # Errors
    /// As for [`IdempotencyKey::read`].
    pub fn of(request: &Request) -> Result<Option<Self>, InvalidKey> {
        let headers = request.headers.iter();
        Self::read(
            headers
                .filter(|(name, _)| name.eq_ignore_ascii_case(NAME))
                .map(|(_, value)| value.as_ref()),
        )
    }

    /// Returns the key.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Returns a key in the form of the draft. Earlier versions of the host remembered a key that came in this form by this
/// text.
#[must_use]
pub fn quoted(key: &str) -> String {
    let mut quoted = String::with_capacity(key.len() + 2);
    quoted.push('"');
    for character in key.chars() {
        if matches!(character, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}

fn parse(value: &[u8]) -> Result<IdempotencyKey, InvalidKey> {
    let value = value.trim_ascii();
    if let Some(place) = value.iter().position(|byte| !matches!(byte, b' '..=b'~')) {
        let byte = value[place];
        return Err(InvalidKey::Byte { byte, place });
    }
    let bytes = match value {
        [b'"', rest @ ..] => unquoted(rest).ok_or(InvalidKey::Quoted)?,
        bare => bare.to_vec(),
    };
    if bytes.is_empty() {
        return Err(InvalidKey::Empty);
    }
    // Every byte is ASCII.
    Ok(IdempotencyKey(bytes.into_iter().map(char::from).collect()))
}

/// Returns the text between quotation marks. The first quotation mark must have been removed.
fn unquoted(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"'] => return Some(plain),
            [b'\\', byte @ (b'"' | b'\\'), after @ ..] => {
                plain.push(*byte);
                after
            }
            [b'"' | b'\\', ..] | [] => return None,
            [byte, after @ ..] => {
                plain.push(*byte);
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<String, InvalidKey> {
        let key = IdempotencyKey::read([value.as_bytes()])?;
        Ok(key.unwrap().into_string())
    }

    #[test]
    fn the_quoted_and_the_bare_form_are_one_key() {
        for (value, key) in [
            ("k", "k"),
            ("\"k\"", "k"),
            (" k ", "k"),
            ("\t\"k\"\t", "k"),
            ("a b", "a b"),
            ("\" a b \"", " a b "),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r#"a"b\c"#, r#"a"b\c"#),
            ("it's", "it's"),
        ] {
            assert_eq!(read(value).as_deref(), Ok(key), "{value}");
        }
    }

    #[test]
    fn a_key_may_be_long() {
        for length in [256, 257, 60_000] {
            let key = "k".repeat(length);
            assert_eq!(read(&key), Ok(key.clone()));
            assert_eq!(read(&quoted(&key)), Ok(key));
        }
    }

    #[test]
    fn quoted_keys_are_read_as_what_they_quote() {
        for key in ["k", " a b ", r#"a"b\c\\"#, "\""] {
            assert_eq!(read(&quoted(key)).as_deref(), Ok(key));
        }
    }

    #[test]
    fn an_invalid_key_is_refused_with_the_reason() {
        for (value, invalid) in [
            ("", InvalidKey::Empty),
            ("  ", InvalidKey::Empty),
            ("\"\"", InvalidKey::Empty),
            (
                "a\tb",
                InvalidKey::Byte {
                    byte: b'\t',
                    place: 1,
                },
            ),
            (
                "k\u{fc}",
                InvalidKey::Byte {
                    byte: 0xc3,
                    place: 1,
                },
            ),
            ("\"", InvalidKey::Quoted),
            ("\"k", InvalidKey::Quoted),
            ("\"k\" ;a", InvalidKey::Quoted),
            ("\"a\", \"b\"", InvalidKey::Quoted),
            (r#""a\b""#, InvalidKey::Quoted),
            (r#""a\"#, InvalidKey::Quoted),
        ] {
            assert_eq!(read(value), Err(invalid), "{value:?}");
        }
        assert_eq!(IdempotencyKey::read([]), Ok(None));
        let twice = [b"k".as_slice(), b"k"];
        assert_eq!(IdempotencyKey::read(twice), Err(InvalidKey::Repeated));
        let shown = read("k\u{fc}").unwrap_err().to_string();
        let expected = "the header Idempotency-Key has the byte 0xc3 after 1 others; a key consists of visible ASCII characters \
                        and spaces";
        assert_eq!(shown, expected);
    }
}
