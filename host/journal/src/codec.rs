//! How values become bytes: one byte of format version, then [postcard](https://postcard.jamesmunns.com/wire-format).
//!
//! Postcard has a written wire format, which is what makes a journal readable for ever. It has no field names: the
//! order of fields and of enum variants *is* the format. So types that are recorded only ever grow at the end of an
//! enum; any other change needs a new version and a reader for the old one. The fixtures in `tests/` hold this.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that [`encode`] writes. A record of a newer version is refused, never guessed at.
pub const FORMAT: u8 = 1;

/// Encodes a record.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Most records fit, so that few grow on the way.
    let mut record = Vec::with_capacity(256);
    record.push(FORMAT);
    match postcard::to_extend(value, record) {
        Ok(bytes) => bytes,
        Err(error) => {
            unreachable!("recorded types have fixed shapes, and memory is the only limit: {error}")
        }
    }
}

/// Decodes a record that [`encode`] wrote, now or in an earlier release.
///
/// # Errors
/// When the bytes are of a newer format, or are not a record of this type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if version != FORMAT {
        return Err(DecodeError::Version { found: version });
    }
    let (value, rest) = postcard::take_from_bytes(body).map_err(DecodeError::Malformed)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::TrailingBytes { count: rest.len() })
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("the record is empty")]
    Empty,
    /// The record is of a version that this release does not read.
    #[error(
        "the record has format {found}, and this release reads format {FORMAT}: use the release that wrote it"
    )]
    Version {
        /// The version found.
        found: u8,
    },
    /// The bytes do not have the shape of the record.
    #[error("the record is malformed: {0}")]
    Malformed(postcard::Error),
    /// The record is followed by something else.
    #[error("the record is followed by {count} bytes that do not belong to it")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
}
