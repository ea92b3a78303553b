//! The store of a single host: one redb file.
//!
//! - [`RedbStore`] opens it, and copies it while the host goes on.
//! - `database` keeps the rows of a [`dormouse_store::Embedded`] store in redb; `rows` turns its keys and rows into redb's.
//! - `space` says how much may still be written, `cost` what a transaction takes, `reserve` keeps some for housekeeping.
//! - [`Disk`] is where the file's bytes lie: [`FileDisk`] for a real one, and whatever a test hands in.

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
