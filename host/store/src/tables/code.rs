//! `code`: components compiled for this machine. A cache: losing it costs time only.
//!
//! Key: version. Row: [`Code`]. The bytes are sealed by the engine under the host's key, and are taken only if the seal
//! fits, since they are native code.

use dormouse_journal::VersionId;
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<VersionId, Code> = Table::new(TableId::Code);

/// Compiled code, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Code {
    /// As the engine sealed it.
    pub(crate) sealed: bytes::Bytes,
}

impl Row for Code {}
