//! A backend: it keeps the rows of an [`Embedded`](crate::Embedded) store, and makes changes to them durable.

use crate::queue::Order;
use crate::rows::{Rows, RowsMut};
use crate::{ReadError, StorageError};

/// Keeps rows.
pub trait Backend: Send + Sync + 'static {
    /// The rows as they were at one moment.
    type Snapshot: Rows + Send;
    /// Changes that become durable together.
    type Transaction: BackendTransaction;

    /// Returns the rows that are durable now.
    ///
    /// # Errors
    /// When the disk fails.
    fn snapshot(&self) -> Result<Self::Snapshot, ReadError>;

    /// Begins a transaction. There is at most one at a time.
    ///
    /// # Errors
    /// When the disk fails.
    fn begin(&self) -> Result<Self::Transaction, StorageError>;

    /// Begins a transaction that contains only housekeeping. It may use the space that is reserved for housekeeping.
    ///
    /// # Errors
    /// When the disk fails.
    fn begin_housekeeping(&self) -> Result<Self::Transaction, StorageError> {
        self.begin()
    }

    /// Makes the backend usable again after a transaction failed because of too little space.
    ///
    /// # Errors
    /// When the backend cannot be made usable again.
    fn recover(&self) -> Result<(), StorageError>;

    /// Returns true if less space is free than the host wants to keep free.
    fn lacks_space(&self) -> bool;

    /// Looks for free space more thoroughly, which may take some time, before a write is refused because of too little
    /// space. Returns true if it found space that was not known before.
    fn finds_space(&self) -> bool {
        false
    }

    /// Returns the order in which this backend takes the writes of different runs. None for the order in which they
    /// arrived.
    fn order(&self) -> Option<Box<dyn Order + '_>> {
        None
    }
}

/// Changes that become durable together.
pub trait BackendTransaction: Send + Sized {
    /// The rows with the changes of this transaction.
    type Rows<'t>: RowsMut + Send
    where
        Self: 't;

    /// Returns the rows with the changes so far.
    ///
    /// # Errors
    /// When the disk fails.
    fn rows(&mut self) -> Result<Self::Rows<'_>, StorageError>;

    /// Makes the changes durable. If the process dies meanwhile, either all of them are durable or none is.
    ///
    /// # Errors
    /// When the disk fails or is full. Unless it is full, nobody knows then whether the changes are durable.
    fn commit(self) -> impl Future<Output = Result<(), StorageError>> + Send;

    /// Throws the changes away.
    ///
    /// # Errors
    /// When the disk fails.
    fn abort(self) -> Result<(), StorageError>;
}
