//! `inputs`: what runs were started with.
//!
//! Key: run. Row: a payload. A small one lies in the run's row of `runs` instead.

use dormouse_journal::Payload;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<RunKey, Payload> = Rows::new("inputs");
