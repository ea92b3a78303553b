//! `duplicates`: keys of accepted requests, by which repeats are recognised.
//!
//! Key: run, webhook, SHA-256 of the key's kind and text. Row: [`Duplicate`]. Removed by the queue of expiries, or when the
//! host is told to forget the request. Version 1 did not say when the row expires.

use dormouse_journal::{DecodeError, RunId, Time, WebhookNumber, decode_body};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<(RunId, WebhookNumber, [u8; 32]), Duplicate> =
    Table::new(TableId::Duplicates);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Duplicate {
    /// The id in the answer to the first request.
    pub(crate) id: String,
    /// SHA-256 of the first request's body.
    pub(crate) body: [u8; 32],
    /// The place that the first request had in the inbox.
    pub(crate) place: u64,
    /// When the row expires. None in a row of version 1, whose expiry is only in the queue of expiries.
    pub(crate) expires: Option<Time>,
}

impl Row for Duplicate {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        match version {
            1 => decode_body(body).map(|Duplicate1 { id, body, place }| Duplicate {
                id,
                body,
                place,
                expires: None,
            }),
            version => Err(DecodeError::Version { found: version }),
        }
    }
}

/// A row of version 1.
#[derive(Serialize, Deserialize)]
struct Duplicate1 {
    id: String,
    body: [u8; 32],
    place: u64,
}

#[cfg(test)]
mod tests {
    use dormouse_journal::encode_as;

    use super::*;
    use crate::rows::table::decode_row;

    #[test]
    fn a_row_of_version_1_is_read() {
        let row = Duplicate1 {
            id: "d".into(),
            body: [7; 32],
            place: 3,
        };
        let expected = Duplicate {
            id: "d".into(),
            body: [7; 32],
            place: 3,
            expires: None,
        };
        assert_eq!(decode_row::<Duplicate>(&encode_as(1, &row)), Ok(expected));
    }
}
