//! A backend: what keeps the rows of an [`Embedded`](crate::Embedded) store, and makes changes of them durable.

use crate::queue::Order;
use crate::rows::{Rows, RowsMut};
use crate::{ReadError, StorageError};

/// Keeps rows.
pub trait Backend: Send + Sync + 'static {
    /// The rows as they were at one moment.
    type Snapshot: Rows + Send;
    /// Changes that become durable together.
    type Transaction: BackendTransaction;

    /// Returns the rows as they are durable now.
    ///
    /// # Errors
    /// When the disk fails.
    fn snapshot(&self) -> Result<Self::Snapshot, ReadError>;

    /// Begins a transaction. There is one at a time.
    ///
    /// # Errors
    /// When the disk fails.
    fn begin(&self) -> Result<Self::Transaction, StorageError>;

    /// Begins a transaction of housekeeping alone, which may use the space that is kept for it.
    ///
    /// # Errors
    /// When the disk fails.
    fn begin_housekeeping(&self) -> Result<Self::Transaction, StorageError> {
        self.begin()
    }

    /// Makes the backend usable again after a transaction failed for want of space.
    ///
    /// # Errors
    /// When it is not to be had any more.
    fn recover(&self) -> Result<(), StorageError>;

    /// Returns true if there is less space left than the host wants left.
    fn lacks_space(&self) -> bool;

    /// Looks for space more closely, which may take a while, before a write is refused for want of it. Returns true if it
    /// found some that was not known before.
    fn finds_space(&self) -> bool {
        false
    }

    /// Returns the order in which this backend takes the writes of different runs. None for the order in which they came.
    fn order(&self) -> Option<Box<dyn Order + '_>> {
        None
    }
}

/// Changes that become durable together.
pub trait BackendTransaction: Send + Sized {
    /// The rows, as they are with these changes.
    type Rows<'t>: RowsMut + Send
    where
        Self: 't;

    /// Returns the rows.
    ///
    /// # Errors
    /// When the disk fails.
    fn rows(&mut self) -> Result<Self::Rows<'_>, StorageError>;

    /// Makes the changes durable. If the process dies in here, either all of them are or none.
    ///
    /// # Errors
    /// When the disk fails, or is full. Nobody knows then what is durable, unless it is full.
    fn commit(self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Throws the changes away.
    ///
    /// # Errors
    /// When the disk fails.
    fn abort(self) -> Result<(), StorageError>;
}
