//! The interface `timers`: sleeping for a time, or until an instant.

use dormouse_journal::{Arguments, Kind, Outcome, Time};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::timers::{Duration, Host, HostWithStore, Instant};
use crate::guest::Guest;
use crate::wait::Wait;

impl Host for Guest {}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn sleep(
        accessor: &Accessor<Guest, Self>,
        step: String,
        duration: Duration,
    ) -> wasmtime::Result<()> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let kind = Kind::Sleep { duration };
        let wait = Wait::start(&shared, "sleep", step, Arguments::Sleep(duration), kind)?;
        slept(wait).await
    }

    async fn sleep_until(
        accessor: &Accessor<Guest, Self>,
        step: String,
        instant: Instant,
    ) -> wasmtime::Result<()> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let instant = Time(instant);
        let kind = Kind::SleepUntil { instant };
        let wait = Wait::start(
            &shared,
            "sleep-until",
            step,
            Arguments::SleepUntil(instant),
            kind,
        )?;
        slept(wait).await
    }
}

async fn slept(wait: Wait) -> wasmtime::Result<()> {
    wait.outcome(|outcome| matches!(outcome, Outcome::Slept).then_some(()))
        .await
}
