//! `inputs`: what runs were started with.
//!
//! Key: run. Row: a payload.

use dormouse_journal::Payload;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<RunKey, Payload> = Rows::new("inputs");
