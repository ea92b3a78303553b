//! Health: whether the host takes work, and what of it does not work as it should.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A host that takes work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// Always `ready`. A host that is not ready answers with a problem instead.
    #[schema(example = "ready")]
    pub status: String,
    /// What does not work as it should, while the host goes on.
    pub degraded: Vec<Degraded>,
    /// How the machine's clock differs from the host's dates.
    #[serde(default)]
    pub clock: ClockStep,
}

/// How the machine's clock differs from the host's dates, which do not step with it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
pub struct ClockStep {
    /// How many seconds the machine's clock is ahead of the host's dates. It is negative if the clock is behind.
    #[schema(example = 0.0)]
    pub step_seconds: f64,
    /// How often the machine's clock was set since the host started.
    pub steps: u64,
}

impl ClockStep {
    /// Returns the shown state of a clock that is this many milliseconds ahead and was set this often.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "a difference of clocks, for people"
    )]
    pub fn of(ahead: i64, steps: u64) -> Self {
        ClockStep {
            step_seconds: ahead as f64 / 1_000.0,
            steps,
        }
    }
}

/// Something that does not work as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degraded {
    /// `disk-full`, `disk-reserve`, `log`, `secrets`, `compiler` or `paused`; later versions may add others.
    #[schema(example = "secrets")]
    pub what: String,
    /// What it means and what to do, for people.
    pub why: String,
}
