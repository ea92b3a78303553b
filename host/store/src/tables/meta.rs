//! `meta`: data about the store itself.
//!
//! Key: a name. Row, by name:
//!
//! | name | row |
//! |---|---|
//! | `format` | one raw byte: the [`SCHEMA`] of the store as a whole |
//! | `migration` | how far the migration to that schema has come; none when it is done |
//! | `clock` | [`ClockRow`]: the time of the host's clock, from which time goes on after a start; version 1 was the time alone |
//! | `sequence` | the last commit sequence given to an event wait or a broadcast |
//! | `inbox-bytes` | the size of all requests in all inboxes |
//! | `storage of NAME` | how much the runs of the workflow `NAME` own on the disk |
//! | `runs of NAME` | how many runs of the workflow `NAME` have each status (`counts.rs`) |
//! | `paused` | what is paused (`pauses.rs`); none if nothing is |
//! | `token-keys` | [`TokenKeys`] |
//! | `code-key` | 32 bytes: the key that seals compiled code |

use dormouse_journal::{Moment, Time, decode, decode_body, encode, encode_as, split_version};
use dormouse_seams::ClockSnapshot;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::ReadError;
use crate::rows::table::Raw;
use crate::rows::{Rows, RowsMut};

pub(crate) const TABLE: Raw<String> = Raw::new(TableId::Meta);

/// The schema that this version writes. It increases with every change of a layout, including a new variant of a stored
/// enum. `layouts.rs` checks the layouts of this number.
pub const SCHEMA: u8 = 10;

pub(crate) const FORMAT: &str = "format";
pub(crate) const MIGRATION: &str = "migration";
pub(crate) const CLOCK: &str = "clock";
pub(crate) const SEQUENCE: &str = "sequence";
pub(crate) const INBOX_BYTES: &str = "inbox-bytes";
pub(crate) const STORAGE_OF: &str = "storage of ";
pub(crate) const PAUSED: &str = "paused";
pub(crate) const RUNS_OF: &str = "runs of ";
pub(crate) const TOKEN_KEYS: &str = "token-keys";
pub(crate) const CODE_KEY: &str = "code-key";

/// Returns an entry that is a record.
pub(crate) fn get<T: DeserializeOwned>(
    rows: &(impl Rows + ?Sized),
    name: &str,
) -> Result<Option<T>, ReadError> {
    let row = TABLE.get(rows, name)?;
    row.map(|row| decode(&row))
        .transpose()
        .map_err(|source| ReadError::Row {
            table: TableId::Meta.name(),
            source,
        })
}

/// Writes an entry that is a record.
pub(crate) fn put<T: Serialize>(
    rows: &mut (impl RowsMut + ?Sized),
    name: &str,
    value: &T,
) -> Result<(), ReadError> {
    TABLE.put(rows, name, &encode(value))
}

/// The time of the host's clock at a commit.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ClockRow {
    /// Steady time.
    time: Time,
    /// How far wall time was ahead of steady time, in milliseconds.
    shift: i64,
    boot: Option<[u8; 16]>,
    /// Milliseconds since that boot.
    elapsed: u64,
}

/// The version of [`ClockRow`].
pub(crate) const CLOCK_VERSION: u8 = 2;

/// Returns the stored time of the host's clock. A store of the first two schemas does not have the boot.
pub(crate) fn clock(rows: &(impl Rows + ?Sized)) -> Result<Option<ClockSnapshot>, ReadError> {
    let Some(row) = TABLE.get(rows, CLOCK)? else {
        return Ok(None);
    };
    let snapshot = split_version(&row).and_then(|(version, body)| match version {
        CLOCK_VERSION => decode_body::<ClockRow>(body).map(ClockSnapshot::from),
        _ => decode(&row).map(|time: Time| ClockSnapshot {
            moment: time.into(),
            boot: None,
            elapsed: 0,
        }),
    });
    snapshot.map(Some).map_err(|source| ReadError::Row {
        table: TableId::Meta.name(),
        source,
    })
}

/// Writes the present time of the host's clock.
pub(crate) fn put_clock(
    rows: &mut (impl RowsMut + ?Sized),
    snapshot: ClockSnapshot,
) -> Result<(), ReadError> {
    let ClockSnapshot {
        moment: Moment { time, shift },
        boot,
        elapsed,
    } = snapshot;
    let row = ClockRow {
        time,
        shift,
        boot,
        elapsed,
    };
    TABLE.put(rows, CLOCK, &encode_as(CLOCK_VERSION, &row))
}

impl From<ClockRow> for ClockSnapshot {
    fn from(row: ClockRow) -> Self {
        ClockSnapshot {
            moment: Moment {
                time: row.time,
                shift: row.shift,
            },
            boot: row.boot,
            elapsed: row.elapsed,
        }
    }
}

/// The keys from which the tokens of webhooks are made. They are in the store, so that a backup contains them.
#[derive(Clone, Serialize, Deserialize)]
pub struct TokenKeys {
    /// The keys, each with its id. The last one makes new tokens, and all of them are accepted.
    pub keys: Vec<(u16, [u8; 32])>,
}

impl std::fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|(id, _)| id))
            .finish()
    }
}
