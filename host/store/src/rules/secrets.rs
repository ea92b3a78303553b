//! Sets and deletes secrets.

use dormouse_secret::{Sealed, SecretName, Use};

use super::{Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::{SealedSecret, secrets};

/// The most that the row of a secret takes: the API allows 64 KiB for a secret and its uses.
const SECRET: Extent = Extent {
    rows: 1,
    bytes: 64 << 10,
};

/// Sets a secret, and replaces a secret of the same name.
#[derive(Debug, Clone)]
pub struct PutSecret {
    /// The name of the secret.
    pub name: SecretName,
    /// The value of the secret, sealed for this name and these uses.
    pub sealed: Sealed,
    /// What the secret may be used for.
    pub uses: Vec<Use>,
}

/// The result of setting a secret, with the present row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPut {
    /// There was no secret of this name.
    Created(SealedSecret),
    /// The secret replaced one of the same name.
    Replaced(SealedSecret),
}

impl Transaction for PutSecret {
    type Output = SecretPut;

    fn cost(&self) -> Extent {
        SECRET
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<SecretPut, ReadError> {
        let rows = &mut write.rows;
        let name = self.name.as_str();
        let before = secrets::TABLE.get(rows, name)?;
        let row = SealedSecret {
            sealed: self.sealed.clone(),
            uses: self.uses.clone(),
            created: before.as_ref().map_or(write.now, |row| row.created),
            updated: write.now,
        };
        secrets::TABLE.put(rows, name, &row)?;
        Ok(match before {
            None => SecretPut::Created(row),
            Some(_) => SecretPut::Replaced(row),
        })
    }
}

/// Deletes a secret.
pub(crate) struct DeleteSecret(pub(crate) String);

impl Transaction for DeleteSecret {
    /// True if the secret existed.
    type Output = bool;

    fn is_housekeeping(&self) -> bool {
        true
    }

    fn cost(&self) -> Extent {
        SECRET
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<bool, ReadError> {
        secrets::TABLE.remove(&mut write.rows, self.0.as_str())
    }
}
