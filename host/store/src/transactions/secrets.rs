//! Setting and deleting secrets.

use dormouse_secret::{Sealed, SecretName, Use};

use crate::group::{Transaction, Write};
use crate::tables::{SealedSecret, secrets};
use crate::{ReadError, Store, WriteError};

/// Sets a secret, in the place of one of the same name.
#[derive(Debug, Clone)]
pub struct PutSecret {
    /// Its name.
    pub name: SecretName,
    /// Its value, sealed for this name and these uses.
    pub sealed: Sealed,
    /// What it may be used for.
    pub uses: Vec<Use>,
}

/// What setting a secret did, with the row that is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPut {
    /// There was none of this name.
    Created(SealedSecret),
    /// It took the place of another.
    Replaced(SealedSecret),
}

impl Transaction for PutSecret {
    type Output = SecretPut;

    fn apply(&self, write: &mut Write<'_>) -> Result<SecretPut, ReadError> {
        let table = &mut write.tables.secrets;
        let name = self.name.as_str();
        let before = secrets::TABLE.get(table, name)?;
        let row = SealedSecret {
            sealed: self.sealed.clone(),
            uses: self.uses.clone(),
            created: before.as_ref().map_or(write.now, |row| row.created),
            updated: write.now,
        };
        secrets::TABLE.put(table, name, &row)?;
        Ok(match before {
            None => SecretPut::Created(row),
            Some(_) => SecretPut::Replaced(row),
        })
    }
}

struct DeleteSecret(String);

impl Transaction for DeleteSecret {
    type Output = bool;

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        Ok(write.tables.secrets.remove(self.0.as_str())?.is_some())
    }
}

impl Store {
    /// Sets a secret.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn put_secret(&self, put: PutSecret) -> Result<SecretPut, WriteError> {
        self.write(put).await
    }

    /// Deletes a secret. Gives false if there is none of this name.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn delete_secret(&self, name: String) -> Result<bool, WriteError> {
        self.write(DeleteSecret(name)).await
    }
}
