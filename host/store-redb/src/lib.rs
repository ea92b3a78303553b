//! The store of a single host: one redb file.
//!
//! - [`RedbStore`] opens the file, and copies it while the host goes on.
//! - `database` keeps the rows of a [`dormouse_store::Embedded`] store in redb; `rows` converts its keys and rows to
//!   redb's.
//! - `space` knows how much may still be written, `cost` estimates what a transaction needs, and `reserve` keeps space
//!   for housekeeping.
//! - [`Disk`] is where the file's bytes are: [`FileDisk`] for a real one, or one that a test passes.

mod backup;
mod cost;
mod database;
mod disk;
mod errors;
mod file;
mod open;
mod options;
mod reserve;
mod rows;
mod scratch;
mod space;

pub use backup::{BackupInfo, examine, examine_file};
pub use disk::Disk;
pub use file::{FileDisk, store_size};
pub use open::{Dump, RedbStore};
pub use options::Options;
pub use redb::StorageBackend;
