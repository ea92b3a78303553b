//! `secrets`: values that workflows may use but never see.
//!
//! Key: name. Row: [`SealedSecret`]. The value is sealed together with the name and the uses, under a key that is not
//! in the store. So neither a copy of the file nor a change of it reveals a value.

use dormouse_journal::Time;
use dormouse_secret::{Sealed, Use};
use serde::{Deserialize, Serialize};

use super::TableId;
use crate::rows::table::{Row, Table};

pub(crate) const TABLE: Table<String, SealedSecret> = Table::new(TableId::Secrets);

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The sealed value.
    pub sealed: Sealed,
    /// What the secret may be used for, in the order in which it was sealed.
    pub uses: Vec<Use>,
    /// When the secret was first set.
    pub created: Time,
    /// When the secret was last set.
    pub updated: Time,
}

impl Row for SealedSecret {}
