//! `workflows`: names, and the versions behind them.
//!
//! Key: name. Row: [`Workflow`]. Version 1 had no settings.

use dormouse_journal::{DecodeError, Time, VersionId, WhenBroken, decode_body};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<String, Workflow> = Table::new(TableId::Workflows);

/// A workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// What new runs get.
    pub current: VersionId,
    /// Whether it was deleted: no new runs until it is deployed again.
    pub deleted: bool,
    /// All that were ever deployed under this name, oldest first.
    pub versions: Vec<Version>,
    /// What becomes of a run that breaks; as the host says if none.
    pub when_broken: Option<WhenBroken>,
}

impl Row for Workflow {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        if version != 1 {
            return Err(DecodeError::Version { found: version });
        }
        let (current, deleted, versions) = decode_body(body)?;
        Ok(Workflow {
            current,
            deleted,
            versions,
            when_broken: None,
        })
    }
}

/// A version of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its digest.
    pub id: VersionId,
    /// When it was first deployed.
    pub deployed: Time,
    /// Its size in bytes.
    pub size: u64,
}
