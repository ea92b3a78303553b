//! The body of a message in a scenario.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::json::Json;
use crate::names::{self, Names};

/// The keys that can give the body of a message. At most one of them may be set.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BodyKeys<'a> {
    pub(crate) json: Option<&'a Json>,
    pub(crate) text: Option<&'a str>,
    pub(crate) base64: Option<&'a str>,
}

/// A body with its media type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl BodyKeys<'_> {
    /// Returns an error if there are two bodies, or if the body has unknown names.
    pub(crate) fn check(&self, place: &str) -> Result<(), String> {
        let given = [
            self.json.is_some(),
            self.text.is_some(),
            self.base64.is_some(),
        ];
        match given.into_iter().filter(|given| *given).count() {
            0 | 1 => {
                self.json
                    .map_or(Ok(()), |Json(value)| names::check(value))?;
                self.text.map_or(Ok(()), names::check_text)?;
                self.decoded().map(|_| ())
            }
            _ => Err(format!("{place}: give one of `json`, `text` and `base64`")),
        }
    }

    /// Returns an error if the body has names, since names have no values before the run is
    /// started.
    pub(crate) fn check_before_start(&self) -> Result<(), String> {
        if let Some(Json(value)) = self.json {
            names::filled(value, &names::before_start)?;
        }
        if let Some(text) = self.text {
            names::filled_text(text, &names::before_start)?;
        }
        Ok(())
    }

    fn decoded(&self) -> Result<Option<Vec<u8>>, String> {
        let decoded = self.base64.map(|text| STANDARD.decode(text)).transpose();
        decoded.map_err(|error| format!("`base64` is not base64: {error}"))
    }

    /// Returns the body, with values in the places of names.
    pub(crate) fn content(&self, names: &Names) -> Result<Content, String> {
        if let Some(Json(value)) = self.json {
            return Ok(Content {
                content_type: "application/json",
                body: names.fill(value)?.to_string().into(),
            });
        }
        if let Some(text) = self.text {
            return Ok(Content {
                content_type: "text/plain; charset=utf-8",
                body: names.fill_text(text)?.into(),
            });
        }
        Ok(match self.decoded()? {
            None => Content::default(),
            Some(body) => Content {
                content_type: "application/octet-stream",
                body: body.into(),
            },
        })
    }
}
