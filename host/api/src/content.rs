//! Bytes and headers as the journal shows them: readable, bounded, and without credentials.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use dormouse_journal::Header;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Mask;

/// The size of the largest body that is shown.
const LARGEST: usize = 64 << 10;

/// The size of all bodies on a page together. One activation can record thousands of bodies.
const BUDGET: usize = 4 << 20;

/// Bytes. They are in `text` if they are text, otherwise in `base64`. If they are too many to be shown, they are in neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Content {
    /// The number of bytes.
    pub size: u64,
    /// The bytes, if they are UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The bytes, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
}

/// An HTTP field. The value of one that carries a credential or a signature is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderField {
    /// The name of the header.
    pub name: String,
    /// The value of the header. Bytes that are not UTF-8 are replaced.
    pub value: String,
}

/// What a page of records may still show.
#[derive(Debug)]
pub struct Showing {
    /// The number of bytes that the page can still show.
    budget: usize,
    mask: Mask,
}

impl Showing {
    /// Creates an empty page that masks these headers.
    #[must_use]
    pub fn new(mask: Mask) -> Self {
        Showing {
            budget: BUDGET,
            mask,
        }
    }

    /// Returns bytes as they are shown, if there are not too many.
    pub fn bytes(&mut self, bytes: &Bytes) -> Content {
        let mut content = Content {
            size: bytes.len() as u64,
            text: None,
            base64: None,
        };
        if bytes.len() > LARGEST.min(self.budget) {
            return content;
        }
        self.budget -= bytes.len();
        match std::str::from_utf8(bytes) {
            Ok(text) => content.text = Some(text.to_owned()),
            Err(_) => content.base64 = Some(STANDARD.encode(bytes)),
        }
        content
    }

    /// Returns headers as they are shown, in order.
    #[must_use]
    pub fn headers(&self, headers: &[Header]) -> Vec<HeaderField> {
        let show = |(name, value): &Header| HeaderField {
            name: name.clone(),
            value: if self.mask.hides(name) {
                "(not shown)".into()
            } else {
                String::from_utf8_lossy(value).into_owned()
            },
        };
        headers.iter().map(show).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(bytes: &'static [u8]) -> Content {
        Showing::new(Mask::default()).bytes(&Bytes::from_static(bytes))
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
        let mut page = Showing::new(Mask::default());
        assert!(page.bytes(&vec![b'x'; LARGEST].into()).text.is_some());
        let large = page.bytes(&vec![b'x'; LARGEST + 1].into());
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
        let mut page = Showing {
            budget: 3,
            mask: Mask::default(),
        };
        assert!(page.bytes(&"abc".into()).text.is_some());
        assert!(page.bytes(&"d".into()).text.is_none());
        assert!(page.bytes(&"".into()).text.is_some());
    }

    #[test]
    fn masked_headers_are_named_and_their_values_not_shown() {
        let header = |name: &str| (name.to_owned(), Bytes::from_static(b"secret"));
        let page = Showing::new(Mask::default().with(["x-mine".to_owned()]));
        let shown = page.headers(&["Cookie", "X-Mine", "x-secret"].map(header));
        let shown: Vec<(&str, &str)> = shown
            .iter()
            .map(|field| (field.name.as_str(), field.value.as_str()))
            .collect();
        let expected = [
            ("Cookie", "(not shown)"),
            ("X-Mine", "(not shown)"),
            ("x-secret", "secret"),
        ];
        assert_eq!(shown, expected);
    }
}
