//! `open`: operations that have not completed, as the frontier of a run has them.
//!
//! Key: run, operation. Row: [`Open`]. It repeats what the journal says, so that showing or cancelling a run needs no
//! scan of its history. The first few of a run lie in its row of `states` instead.

use dormouse_journal::Open;

use super::{Rows, RunKey};

pub(crate) const TABLE: Rows<(RunKey, u32), Open> = Rows::new("open");
