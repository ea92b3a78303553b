//! Secrets, sealed.

use redb::ReadableTable;

use crate::tables::{SealedSecret, secrets};
use crate::{ReadError, Snapshot};

impl Snapshot {
    /// A secret.
    ///
    /// # Errors
    /// When the disk fails, or the row is damaged.
    pub fn secret(&self, name: &str) -> Result<Option<SealedSecret>, ReadError> {
        secrets::TABLE.get(&self.table(secrets::TABLE.definition())?, name)
    }

    /// All secrets, by name.
    ///
    /// # Errors
    /// When the disk fails, or a row is damaged.
    pub fn secrets(&self) -> Result<Vec<(String, SealedSecret)>, ReadError> {
        let table = self.table(secrets::TABLE.definition())?;
        table
            .iter()?
            .map(|item| {
                let (key, value) = item?;
                Ok((
                    key.value().to_owned(),
                    secrets::TABLE.decode(value.value())?,
                ))
            })
            .collect()
    }
}
