//! `inputs`: what runs were started with.
//!
//! Key: run. Row: a payload. An empty one without a media type has no row.

use dormouse_journal::Payload;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<RunKey, Payload> = Rows::new("inputs");
