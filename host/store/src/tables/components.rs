//! `components`: what was uploaded.
//!
//! Key: version (the SHA-256 of the bytes). Value: the component's bytes, raw.

use redb::TableDefinition;

pub(crate) const TABLE: TableDefinition<'static, [u8; 32], &'static [u8]> =
    TableDefinition::new("components");
