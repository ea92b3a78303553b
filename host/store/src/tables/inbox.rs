//! `inbox`: requests accepted and not yet taken.
//!
//! Key: run, webhook, place. Places of one webhook go up in the order of acceptance and are never used twice. Row:
//! [`Delivery`]: the request as the run will get it.

use dormouse_journal::Delivery;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, u32, u64), Delivery> = Rows::new("inbox");
