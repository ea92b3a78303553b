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
    /// How long its runs are kept that have ended, in milliseconds; as the host says if none.
    pub retention: Option<u64>,
    /// The workflows that its runs may start and use. All may be started if none.
    pub may_use: Option<Vec<String>>,
    /// The workflow that is started when one of its runs fails.
    pub on_failure: Option<String>,
}

impl Workflow {
    /// A workflow without settings.
    #[must_use]
    pub fn new(current: VersionId, deleted: bool, versions: Vec<Version>) -> Self {
        Workflow {
            current,
            deleted,
            versions,
            when_broken: None,
            retention: None,
            may_use: None,
            on_failure: None,
        }
    }
}

/// What can be set of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowSettings {
    /// What becomes of a run that breaks; as the host says if none.
    pub when_broken: Option<WhenBroken>,
    /// How long its runs are kept that have ended, in milliseconds; as the host says if none.
    pub retention: Option<u64>,
    /// The workflows that its runs may start and use. All may be started if none.
    pub may_use: Option<Vec<String>>,
    /// The workflow that is started when one of its runs fails.
    pub on_failure: Option<String>,
}

impl Row for Workflow {
    const VERSION: u8 = 2;

    fn from_earlier(version: u8, body: &[u8]) -> Result<Self, DecodeError> {
        if version != 1 {
            return Err(DecodeError::Version { found: version });
        }
        let (current, deleted, versions) = decode_body(body)?;
        Ok(Workflow::new(current, deleted, versions))
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
