//! `secrets`: values that workflows may use and never see.
//!
//! Key: name. Row: [`SealedSecret`]. The value is sealed together with the name and the uses, under a key that is not in
//! the store: neither a copy of the file nor the right to change it gives a value away.

use dormouse_journal::Time;
use dormouse_secret::{Sealed, Use};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<String, SealedSecret> = Table::new(TableId::Secrets);

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Its value.
    pub sealed: Sealed,
    /// What it may be used for, in the order in which it was sealed.
    pub uses: Vec<Use>,
    /// When it was first set.
    pub created: Time,
    /// When it was last set.
    pub updated: Time,
}

impl Row for SealedSecret {}
