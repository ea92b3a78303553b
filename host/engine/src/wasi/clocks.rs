//! `wasi:clocks`: both clocks read the time of the activation. The wall clock reads it in wall time, and the monotonic
//! clock in steady time. A sleep is a durable timer.

use std::pin::Pin;

use dormouse_journal::{Arguments, Kind, Time};
use wasmtime::component::Resource;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::guest::Guest;
use crate::wait::Wait;

/// The step name of a sleep that a guest makes through WASI.
const STEP: &str = "wasi:clocks";

/// Nanoseconds in a millisecond, which is the unit of recorded times.
const NANOS: u64 = 1_000_000;

impl wall_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(self.shared.lock().cursor.now().wall().0))
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(datetime(1))
    }
}

impl monotonic_clock::Host for Guest {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.monotonic())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(NANOS)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let duration = when.saturating_sub(self.monotonic());
        self.subscribe_duration(duration)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let sleep = if duration == 0 {
            Sleep::Over
        } else {
            // Rounded up: a timer is never early.
            let duration = duration.div_ceil(NANOS);
            let arguments = Arguments::Sleep(duration);
            let kind = Kind::Sleep { duration };
            Sleep::Waits(Wait::start(
                &self.shared,
                "sleep",
                STEP.into(),
                arguments,
                kind,
            )?)
        };
        let sleep = self.table.push(sleep)?;
        subscribe(&mut self.table, sleep)
    }
}

impl Guest {
    fn monotonic(&self) -> u64 {
        let Time(now) = self.shared.lock().cursor.now().time;
        now.saturating_mul(NANOS)
    }
}

/// A timer that the guest polls. When the guest drops it, the timer is given up.
enum Sleep {
    Waits(Wait),
    Over,
}

#[async_trait]
impl Pollable for Sleep {
    /// Resolves when the timer is over. Callers may drop this future and call again.
    async fn ready(&mut self) {
        if let Sleep::Waits(wait) = self {
            // The outcome of a sleep only says that it is over.
            let _ = Pin::new(wait).await;
            *self = Sleep::Over;
        }
    }
}

fn datetime(millis: u64) -> wall_clock::Datetime {
    wall_clock::Datetime {
        seconds: millis / 1000,
        // The value is below a thousand million, so it fits.
        nanoseconds: u32::try_from(millis % 1000 * NANOS).unwrap_or_default(),
    }
}
