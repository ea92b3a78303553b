//! Tests of workflows in the author's own test runner.
//!
//! [`Test`] starts a workflow without a host, as native code, in simulated time, so that a wait of a month takes no
//! time. The test acts as the outside world: it answers calls, sends requests to webhooks, lets time pass, and looks at
//! what the run does.
//!
//! ```
//! use dormouse_sdk::prelude::*;
//! use dormouse_sdk::test::{Incoming, Test};
//!
//! async fn progress(ctx: Context, service: String) -> Result<Vec<Value>> {
//!     let hook = ctx.webhook("progress").create();
//!     let job = json!({ "webhookUrl": hook.url() });
//!     ctx.post(service).json(&job).send("start job").await?.error_for_status()?;
//!     let mut updates = Vec::new();
//!     while let Some(update) = hook.wait_timeout(minutes(5)).await {
//!         updates.push(update.json()?);
//!     }
//!     Ok(updates)
//! }
//!
//! let mut run = Test::new(progress).input("https://jobs.example").start();
//! assert_eq!(run.call("start job").json::<Value>(), json!({ "webhookUrl": run.webhook_url("progress") }));
//! run.answer("start job", Response::new(202));
//! run.advance("4m");
//! run.deliver("progress", Incoming::json(&json!(50)));
//! assert_eq!(run.output::<Vec<u32>>(), [50]);
//! assert_eq!(run.elapsed(), minutes(9));
//! ```
//!
//! # The check of a rebuild
//!
//! When a run is dropped, and when it continues as new, it is executed again with the same completions. The test fails
//! if the run then does something else, since such a workflow could not continue after a restart of the host.
//!
//! # The limits of such a test
//!
//! The test executes the workflow, but not the host. A call gets one answer, whatever its retry policy says.
//! Signatures, limits, and permissions are not checked. The test also plays the runs that the workflow starts.
//! `dormouse test` covers all of this, with the compiled component.
//!
//! The module exists unless the crate is built for Wasm.

#![allow(clippy::panic, reason = "what is wrong in an author's test fails it")]

mod incoming;
mod run;
mod seen;
#[cfg(test)]
mod tests;
mod workflow;

pub use incoming::Incoming;
pub use run::TestRun;
pub use seen::{NoResponse, SeenCall, SeenRun};
pub use workflow::Workflow;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::contract::context::Run;
use crate::native::{Beginning, Instance, Make};
use crate::payload::{IntoPayload, Payload};
use crate::time::Instant;

/// The default time at which runs are started: 2026-01-01.
const BEGINNING: u64 = 1_767_225_600_000;

/// A workflow to be tested.
///
/// ```
/// use dormouse_sdk::prelude::*;
/// use dormouse_sdk::test::Test;
///
/// async fn greet(_: Context, name: String) -> Result<String> {
///     Ok(format!("Hello, {name}"))
/// }
///
/// assert_eq!(Test::new(greet).input("Ada").start().output::<String>(), "Hello, Ada");
/// ```
#[must_use = "a test does nothing until it is started: write `.start()` after it"]
pub struct Test {
    make: Make,
    input: Payload,
    headers: Vec<(String, Vec<u8>)>,
    started: u64,
}

impl Test {
    /// Returns a test of this workflow: an `async fn` that takes a [`Context`](crate::Context), and an input if it
    /// needs one.
    pub fn new<Arguments>(workflow: impl Workflow<Arguments>) -> Self {
        Self {
            make: workflow.make(),
            input: Payload::new("", ""),
            headers: Vec::new(),
            started: BEGINNING,
        }
    }

    /// Sets the input of the run. It is read like a real input, so an input of the wrong shape fails the run.
    ///
    /// # Panics
    /// If the value cannot be written as a payload.
    #[track_caller]
    pub fn input(mut self, input: impl IntoPayload) -> Self {
        match input.into_payload() {
            Ok(input) => self.input = input,
            Err(error) => panic!("the input cannot be written: {error}"),
        }
        self
    }

    /// Adds a header of the request that starts the run.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the time at which the run is started. The default is 2026-01-01.
    pub fn started(mut self, instant: Instant) -> Self {
        self.started = instant.as_millis();
        self
    }

    /// Starts the run, and executes it until it waits.
    pub fn start(self) -> TestRun {
        let run = Run {
            id: "00000000-0000-7000-8000-000000000000".into(),
            workflow: "test".into(),
            version: "0".repeat(64),
            started: self.started,
            headers: self.headers,
        };
        let beginning = Beginning {
            now: self.started,
            run,
            request: None,
            input: self.input.into_contract(),
            kept: Vec::new(),
            labels: BTreeMap::new(),
            mail: HashMap::new(),
            cancel: None,
            generation: 0,
        };
        TestRun::new(Instance::start(self.make, beginning), self.started)
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test").finish_non_exhaustive()
    }
}
