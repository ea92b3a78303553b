//! What can be asked of the store at one moment.

mod arrivals;
mod runs;
mod schedule;
mod secrets;
#[cfg(test)]
mod tests;
mod workflows;

use redb::{ReadOnlyTable, ReadTransaction};

use crate::ReadError;

pub use runs::{RunPage, RunQuery, RunView, WebhookView};
pub use schedule::Timer;

/// The store as it was at one moment. Cheap to make; holding one for long keeps old pages from being used again.
pub struct Snapshot {
    transaction: ReadTransaction,
}

impl Snapshot {
    pub(crate) fn new(transaction: ReadTransaction) -> Self {
        Snapshot { transaction }
    }

    pub(crate) fn table<K: redb::Key + 'static, V: redb::Value + 'static>(
        &self,
        definition: redb::TableDefinition<'_, K, V>,
    ) -> Result<ReadOnlyTable<K, V>, ReadError> {
        Ok(self.transaction.open_table(definition)?)
    }
}
