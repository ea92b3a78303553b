//! Reads of workflows, their components and compiled code, and of secrets.

use std::collections::BTreeMap;

use bytes::Bytes;
use dormouse_journal::{Status, VersionId};

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::tables::{SealedSecret, Workflow, code, components, counts, secrets, workflows};

impl<R: Rows> View<R> {
    /// Returns a workflow.
    pub(crate) fn workflow(&self, name: &str) -> Result<Option<Workflow>, ReadError> {
        workflows::TABLE.get(&self.0, name)
    }

    /// Returns all workflows, by name.
    pub(crate) fn workflows(&self) -> Result<Vec<(String, Workflow)>, ReadError> {
        workflows::TABLE.list(&self.0, workflows::TABLE.all(), usize::MAX)
    }

    /// Returns the number of runs with each status, of one workflow or of all. Workflows are never removed, so the sum
    /// over them covers all runs.
    pub(crate) fn counts(
        &self,
        workflow: Option<String>,
    ) -> Result<BTreeMap<Status, u64>, ReadError> {
        if let Some(workflow) = workflow {
            return counts::get(&self.0, &workflow);
        }
        let mut sum = BTreeMap::new();
        let all = workflows::TABLE.all();
        for workflow in workflows::TABLE.keys(&self.0, all, false, usize::MAX)? {
            for (status, count) in counts::get(&self.0, &workflow)? {
                *sum.entry(status).or_default() += count;
            }
        }
        Ok(sum)
    }

    /// Returns the bytes of a component.
    pub(crate) fn component(&self, version: VersionId) -> Result<Option<Bytes>, ReadError> {
        Ok(components::TABLE.get(&self.0, version)?.map(Bytes::from))
    }

    /// Returns a component's compiled code, sealed.
    pub(crate) fn code(&self, version: VersionId) -> Result<Option<Bytes>, ReadError> {
        Ok(code::TABLE.get(&self.0, version)?.map(|code| code.sealed))
    }

    /// Returns a secret, sealed.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<SealedSecret>, ReadError> {
        secrets::TABLE.get(&self.0, name)
    }

    /// Returns all secrets, sealed, by name.
    pub(crate) fn secrets(&self) -> Result<Vec<(String, SealedSecret)>, ReadError> {
        secrets::TABLE.list(&self.0, secrets::TABLE.all(), usize::MAX)
    }
}
