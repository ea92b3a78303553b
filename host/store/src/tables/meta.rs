//! `meta`: facts about the store itself.
//!
//! Key: a name. Value: encoded, by name:
//!
//! | name | value |
//! |---|---|
//! | `format` | one raw byte: the format of the store as a whole |
//! | `clock` | the highest time ever read, so that time does not go back at a restart |
//! | `sequence` | the last commit sequence given to an event wait or a broadcast |
//! | `inbox-bytes` | the size of all requests in all inboxes |
//! | `token-keys` | [`TokenKeys`] |
//! | `code-key` | 32 bytes: the key that seals compiled code |

use dormouse_journal::decode;
use redb::{ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use crate::ReadError;

pub(crate) const TABLE: TableDefinition<'static, &'static str, &'static [u8]> =
    TableDefinition::new("meta");

pub(crate) const FORMAT: &str = "format";
pub(crate) const CLOCK: &str = "clock";
pub(crate) const SEQUENCE: &str = "sequence";
pub(crate) const INBOX_BYTES: &str = "inbox-bytes";
pub(crate) const TOKEN_KEYS: &str = "token-keys";
pub(crate) const CODE_KEY: &str = "code-key";

/// A number that the host keeps about its store; 0 in a new one.
pub(crate) fn number(
    table: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<u64, ReadError> {
    match table.get(name)? {
        Some(guard) => decode(guard.value()).map_err(|source| ReadError::Row {
            table: "meta",
            source,
        }),
        None => Ok(0),
    }
}

/// The keys that webhook tokens are made with. They lie in the store, so that a backup carries them.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenKeys {
    /// Each with its id. The last one makes new tokens; all of them are accepted.
    pub keys: Vec<(u16, [u8; 32])>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}
