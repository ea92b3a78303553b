//! `workflows`: workflows by name, with their versions.
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
    /// The version that new runs get.
    pub current: VersionId,
    /// True if the workflow was deleted. It gets no new runs until it is deployed again.
    pub deleted: bool,
    /// All versions that were deployed under this name, oldest first.
    pub versions: Vec<Version>,
    /// What happens to a run that breaks. None for the host's setting.
    pub when_broken: Option<WhenBroken>,
    /// How long ended runs are kept, in milliseconds. None for the host's setting.
    pub retention: Option<u64>,
    /// The workflows that its runs may start and use. None for all.
    pub may_use: Option<Vec<String>>,
    /// The workflow that is started when one of its runs fails.
    pub on_failure: Option<String>,
}

impl Workflow {
    /// Creates a workflow without settings.
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

/// The settings of a workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowSettings {
    /// What happens to a run that breaks. None for the host's setting.
    pub when_broken: Option<WhenBroken>,
    /// How long ended runs are kept, in milliseconds. None for the host's setting.
    pub retention: Option<u64>,
    /// The workflows that its runs may start and use. None for all.
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
    /// The digest of the component.
    pub id: VersionId,
    /// When the version was first deployed.
    pub deployed: Time,
    /// The size of the component in bytes.
    pub size: u64,
}
