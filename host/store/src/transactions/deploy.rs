//! Deploying and deleting workflows.

use bytes::Bytes;
use dormouse_journal::VersionId;
use redb::ReadableTable;

use crate::group::{Transaction, Write};
use crate::tables::{Code, Version, Workflow, code, workflows};
use crate::{ReadError, Store, WriteError};

/// Makes these bytes the current version of a workflow.
#[derive(Debug, Clone)]
pub struct Deploy {
    /// The workflow.
    pub name: String,
    /// The digest of the component.
    pub version: VersionId,
    /// The component.
    pub component: Bytes,
    /// Its compiled code, sealed.
    pub code: Bytes,
}

/// What a deployment did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deployed {
    /// This workflow did not have this version.
    New,
    /// It had.
    Known,
}

impl Transaction for Deploy {
    type Output = Deployed;

    fn apply(&self, write: &mut Write<'_>) -> Result<Deployed, ReadError> {
        let tables = &mut write.tables;
        let row = workflows::TABLE.get(&tables.workflows, self.name.as_str())?;
        if tables.components.get(self.version.0)?.is_none() {
            tables
                .components
                .insert(self.version.0, self.component.as_ref())?;
        }
        code::TABLE.put(
            &mut tables.code,
            self.version.0,
            &Code {
                sealed: self.code.clone(),
            },
        )?;
        let mut row = row.unwrap_or(Workflow {
            current: self.version,
            deleted: false,
            versions: Vec::new(),
        });
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
        workflows::TABLE.put(&mut tables.workflows, self.name.as_str(), &row)?;
        Ok(if known {
            Deployed::Known
        } else {
            Deployed::New
        })
    }
}

struct Delete(String);

impl Transaction for Delete {
    type Output = bool;

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        let tables = &mut write.tables;
        let Some(mut row) = workflows::TABLE.get(&tables.workflows, self.0.as_str())? else {
            return Ok(false);
        };
        row.deleted = true;
        workflows::TABLE.put(&mut tables.workflows, self.0.as_str(), &row)?;
        Ok(true)
    }
}

struct KeepCode {
    version: VersionId,
    sealed: Bytes,
}

impl Transaction for KeepCode {
    type Output = ();

    fn apply(&self, write: &mut Write<'_>) -> Result<(), ReadError> {
        let row = Code {
            sealed: self.sealed.clone(),
        };
        code::TABLE.put(&mut write.tables.code, self.version.0, &row)
    }
}

impl Store {
    /// Makes a component the current version of a workflow.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn deploy(&self, deploy: Deploy) -> Result<Deployed, WriteError> {
        self.write(deploy).await
    }

    /// Deletes a workflow: no new runs; those that exist go on. Gives false if there is none of this name.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn delete_workflow(&self, name: String) -> Result<bool, WriteError> {
        self.write(Delete(name)).await
    }

    /// Keeps compiled code for the next start.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn keep_code(&self, version: VersionId, sealed: Bytes) -> Result<(), WriteError> {
        self.write(KeepCode { version, sealed }).await
    }
}
