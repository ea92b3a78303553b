//! Workflows, their components and compiled code.

use bytes::Bytes;
use dormouse_journal::VersionId;
use redb::ReadableTable;

use crate::tables::{Workflow, code, components, workflows};
use crate::{ReadError, Snapshot};

impl Snapshot {
    /// A workflow.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn workflow(&self, name: &str) -> Result<Option<Workflow>, ReadError> {
        workflows::TABLE.get(&self.table(workflows::TABLE.definition())?, name)
    }

    /// All workflows, by name.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn workflows(&self) -> Result<Vec<(String, Workflow)>, ReadError> {
        let table = self.table(workflows::TABLE.definition())?;
        table
            .iter()?
            .map(|item| {
                let (key, value) = item?;
                Ok((
                    key.value().to_owned(),
                    workflows::TABLE.decode(value.value())?,
                ))
            })
            .collect()
    }

    /// The bytes of a component.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn component(&self, version: VersionId) -> Result<Option<Bytes>, ReadError> {
        let table = self.table(components::TABLE)?;
        Ok(table
            .get(version.0)?
            .map(|guard| Bytes::copy_from_slice(guard.value())))
    }

    /// A component's compiled code, sealed.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn code(&self, version: VersionId) -> Result<Option<Bytes>, ReadError> {
        let table = self.table(code::TABLE.definition())?;
        Ok(code::TABLE.get(&table, version.0)?.map(|code| code.sealed))
    }
}
