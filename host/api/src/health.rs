//! Health: whether the host takes work, and what of it does not work as it should.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A host that takes work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ready`: a host that is not is answered as a problem.
    #[schema(example = "ready")]
    pub status: String,
    /// What does not work as it should, while the host goes on.
    pub degraded: Vec<Degraded>,
}

/// Something that does not work as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degraded {
    /// `disk-full`, `disk-reserve`, `log`, `secrets` or `compiler`; later versions may add others.
    #[schema(example = "secrets")]
    pub what: String,
    /// What it means and what to do, for people.
    pub why: String,
}
