//! Bytes and headers as the journal shows them: readable, bounded, and without credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dormouse_journal::Header;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A body larger than this is not shown.
const LARGEST: usize = 64 << 10;

/// What all bodies on a page may have together. One activation can record thousands of bodies.
const BUDGET: usize = 4 << 20;

/// Bytes. They are in `text` if they are text, else in `base64`; in neither if they are too many to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Content {
    /// How many there are.
    pub size: u64,
    /// The bytes, if they are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// An HTTP field. The value of one that carries a credential is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderField {
    /// Its name.
    pub name: String,
    /// Its value. What in it is not UTF-8 is replaced.
    pub value: String,
}

/// How many bytes a page can still show.
#[derive(Debug)]
pub struct InlineBudget(usize);

impl Default for InlineBudget {
    fn default() -> Self {
        InlineBudget(BUDGET)
    }
}

impl InlineBudget {
    /// Shows bytes, if there are not too many.
    pub fn show(&mut self, bytes: &Bytes) -> Content {
        let mut content = Content {
            size: bytes.len() as u64,
            text: None,
            base64: None,
        };
        if bytes.len() > LARGEST.min(self.0) {
            return content;
        }
        self.0 -= bytes.len();
        match std::str::from_utf8(bytes) {
            Ok(text) => content.text = Some(text.to_owned()),
            Err(_) => content.base64 = Some(STANDARD.encode(bytes)),
        }
        content
    }
}

impl HeaderField {
    /// Shows headers, in order.
    #[must_use]
    pub fn show(headers: &[Header]) -> Vec<HeaderField> {
        let show = |(name, value): &Header| HeaderField {
            name: name.clone(),
            value: if is_credential(name) {
                "(not shown)".into()
            } else {
                String::from_utf8_lossy(value).into_owned()
            },
        };
        headers.iter().map(show).collect()
    }
}

fn is_credential(name: &str) -> bool {
    [
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
    ]
    .iter()
    .any(|credential| name.eq_ignore_ascii_case(credential))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(bytes: &'static [u8]) -> Content {
        InlineBudget::default().show(&Bytes::from_static(bytes))
    }

    #[test]
    fn text_is_shown_as_text_and_the_rest_as_base64() {
        assert_eq!(
            show(b"{}"),
            Content {
                size: 2,
                text: Some("{}".into()),
                base64: None
            }
        );
        assert_eq!(
            show(b"\xff\0"),
            Content {
                size: 2,
                text: None,
                base64: Some("/wA=".into())
            }
        );
    }

    #[test]
    fn large_bodies_are_not_shown() {
        let mut budget = InlineBudget::default();
        assert!(budget.show(&vec![b'x'; LARGEST].into()).text.is_some());
        let large = budget.show(&vec![b'x'; LARGEST + 1].into());
        assert_eq!(
            large,
            Content {
                size: LARGEST as u64 + 1,
                text: None,
                base64: None
            }
        );
    }

    #[test]
    fn a_page_shows_so_much_and_no_more() {
        let mut budget = InlineBudget(3);
        assert!(budget.show(&"abc".into()).text.is_some());
        assert!(budget.show(&"d".into()).text.is_none());
        assert!(budget.show(&"".into()).text.is_some());
    }

    #[test]
    fn credentials_are_not_shown() {
        let header = |name: &str| (name.to_owned(), Bytes::from_static(b"secret"));
        let names = [
            "Authorization",
            "cookie",
            "Proxy-Authorization",
            "SET-COOKIE",
            "x-secret",
        ];
        let headers: Vec<Header> = names.into_iter().map(header).collect();
        let shown: Vec<String> = HeaderField::show(&headers)
            .into_iter()
            .map(|field| field.value)
            .collect();
        assert_eq!(
            shown,
            [
                "(not shown)",
                "(not shown)",
                "(not shown)",
                "(not shown)",
                "secret"
            ]
        );
    }
}
