//! Deploys and deletes workflows.

use bytes::Bytes;
use dormouse_journal::VersionId;

use super::{SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::code::{self, Code};
use crate::tables::{Version, Workflow, WorkflowSettings, components, workflows};

/// About how many bytes the row of a workflow has: about fifty for each version.
const WORKFLOW_ROW: u64 = 64 << 10;

/// Makes a component the current version of a workflow.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The name of the workflow.
    pub name: String,
    /// The digest of the component.
    pub version: VersionId,
    /// The component.
    pub component: Bytes,
    /// The compiled code of the component, sealed.
    pub code: Bytes,
}

/// The result of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployed {
    /// The workflow did not have this version before.
    New,
    /// The workflow had this version before.
    Known,
}

impl Transaction for Deploy {
    type Output = Deployed;

    fn cost(&self) -> Extent {
        let bytes = self.component.len() + self.code.len();
        Extent::new(3, bytes as u64 + WORKFLOW_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Deployed, ReadError> {
        let rows = &mut write.rows;
        let row = workflows::TABLE.get(rows, self.name.as_str())?;
        if !components::TABLE.has(rows, self.version)? {
            components::TABLE.put(rows, self.version, &self.component)?;
        }
        let code = Code {
            sealed: self.code.clone(),
        };
        code::TABLE.put(rows, self.version, &code)?;
        let mut row = row.unwrap_or_else(|| Workflow::new(self.version, false, Vec::new()));
        let known = row
            .versions
            .iter()
            .any(|version| version.id == self.version);
        if !known {
            let size = self.component.len() as u64;
            row.versions.push(Version {
                id: self.version,
                deployed: write.now,
                size,
            });
        }
        row.current = self.version;
        row.deleted = false;
        workflows::TABLE.put(rows, self.name.as_str(), &row)?;
        Ok(if known {
            Deployed::Known
        } else {
            Deployed::New
        })
    }
}

/// Sets the settings of a workflow.
pub(crate) struct SetWorkflow {
    pub(crate) workflow: String,
    pub(crate) settings: WorkflowSettings,
}

impl Transaction for SetWorkflow {
    /// True if the workflow exists.
    type Output = bool;

    fn cost(&self) -> Extent {
        Extent::new(1, WORKFLOW_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let rows = &mut write.rows;
        let Some(mut row) = workflows::TABLE.get(rows, self.workflow.as_str())? else {
            return Ok(false);
        };
        let settings = self.settings.clone();
        row.when_broken = settings.when_broken;
        row.retention = settings.retention;
        row.may_use = settings.may_use;
        row.on_failure = settings.on_failure;
        workflows::TABLE.put(rows, self.workflow.as_str(), &row)?;
        Ok(true)
    }
}

/// Deletes a workflow: it gets no new runs, and runs that exist go on.
pub(crate) struct DeleteWorkflow(pub(crate) String);

impl Transaction for DeleteWorkflow {
    /// True if the workflow existed.
    type Output = bool;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn cost(&self) -> Extent {
        Extent::new(1, WORKFLOW_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let rows = &mut write.rows;
        let Some(mut row) = workflows::TABLE.get(rows, self.0.as_str())? else {
            return Ok(false);
        };
        row.deleted = true;
        workflows::TABLE.put(rows, self.0.as_str(), &row)?;
        Ok(true)
    }
}

/// Keeps compiled code for the next start.
pub(crate) struct KeepCode {
    pub(crate) version: VersionId,
    pub(crate) sealed: Bytes,
}

impl Transaction for KeepCode {
    type Output = ();

    fn cost(&self) -> Extent {
        Extent::new(1, self.sealed.len() as u64 + SMALL_ROW)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<(), ReadError> {
        let row = Code {
            sealed: self.sealed.clone(),
        };
        code::TABLE.put(&mut write.rows, self.version, &row)
    }
}
