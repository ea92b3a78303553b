//! `code`: components compiled for this machine. The table is a cache: losing it costs only time.
//!
//! Key: version. Row: [`Code`]. The code is native code, so the engine seals it under the host's key, and it is used
//! only if the seal fits.

use dormouse_journal::VersionId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<VersionId, Code> = Table::new(TableId::Code);

/// Compiled code, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    /// The sealed code.
    pub(crate) sealed: bytes::Bytes,
}

impl Row for Code {}
