//! The encoding of values: one byte with the version, then [postcard](https://postcard.jamesmunns.com/wire-format).
//!
//! Postcard has a specified wire format, so that a journal stays readable for ever. The format has no field names:
//! the order of fields and of enum variants *is* the layout. So an enum that is recorded may only grow at its end.
//! Any other change of a recorded type needs a new version of the record, and a reader for the old version that is
//! kept for ever. The fixtures in `tests/` check this.

use postcard::ser_flavors::Size;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version that [`encode`] writes: the version of every record whose layout has never changed.
pub const VERSION: u8 = 1;

/// Encodes a record whose layout has never changed.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    encode_as(VERSION, value)
}

/// Encodes a record of this version.
#[must_use]
pub fn encode_as<T: Serialize>(version: u8, value: &T) -> Vec<u8> {
    // Most records fit into this capacity, so that the buffer seldom grows.
    let mut record = Vec::with_capacity(256);
    record.push(version);
    match postcard::to_extend(value, record) {
        Ok(bytes) => bytes,
        Err(error) => {
            unreachable!("recorded types have fixed shapes, and memory is the only limit: {error}")
        }
    }
}

/// Returns the size of a value as a record in bytes, without encoding it.
#[must_use]
pub fn encoded_len<T: Serialize>(value: &T) -> usize {
    match postcard::serialize_with_flavor(value, Size::default()) {
        Ok(body) => 1 + body,
        Err(error) => unreachable!("recorded types have fixed shapes: {error}"),
    }
}

/// Decodes a record that [`encode`] wrote, now or in an earlier release.
///
/// # Errors
/// When the bytes have another version, or are not a record of this type.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    match split_version(bytes)? {
        (VERSION, body) => decode_body(body),
        (version, _) => Err(DecodeError::Version { found: version }),
    }
}

/// Splits a record into its version and its body.
///
/// # Errors
/// When there are no bytes at all.
pub fn split_version(bytes: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    let (&version, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    Ok((version, body))
}

/// Decodes the body of a record. The whole body must be a value of this type.
///
/// # Errors
/// When it is not.
pub fn decode_body<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let (value, rest) = postcard::take_from_bytes(body).map_err(DecodeError::Malformed)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(DecodeError::TrailingBytes { count: rest.len() })
    }
}

/// Decodes the beginning of a record's body, and leaves the rest unread. Ids and times come first in records, so that
/// a scan need not decode bodies.
///
/// # Errors
/// When the body does not begin with a value of this type.
pub fn decode_prefix<T: DeserializeOwned>(body: &[u8]) -> Result<T, DecodeError> {
    let (value, _) = postcard::take_from_bytes(body).map_err(DecodeError::Malformed)?;
    Ok(value)
}

/// Why bytes are not a record.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    /// There are no bytes at all.
    #[error("the record is empty")]
    Empty,
    /// The record has a version that this release does not read.
    #[error(
        "the record has format {found}, which this release does not read: use the release that wrote it"
    )]
    Version {
        /// The version of the record.
        found: u8,
    },
    /// The bytes do not have the format of the record.
    #[error("the record is malformed: {0}")]
    Malformed(postcard::Error),
    /// There are further bytes after the record.
    #[error("the record is followed by {count} bytes that do not belong to it")]
    TrailingBytes {
        /// The number of further bytes.
        count: usize,
    },
}
