//! `components`: the uploaded components.
//!
//! Key: version (the SHA-256 of the bytes). Row: the component's bytes, raw.

use dormouse_journal::VersionId;

use super::TableId;
use crate::rows::table::Raw;

pub(crate) const TABLE: Raw<VersionId> = Raw::new(TableId::Components);
