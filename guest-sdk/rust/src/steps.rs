//! Steps: computations whose outcomes are recorded.

use crate::context::Context;
use crate::contract::steps as contract;
use crate::error::{Error, Result};
use crate::payload::{FromPayload, IntoPayload, Payload};

impl Context {
    /// Computes something once. Its outcome, a value or an error, is recorded, and a rebuilt run
    /// takes it from the record.
    ///
    /// Use a step for a computation that is slow, or whose result may change with a later release
    /// of a library. The value is written as JSON and read again, also the first time, so that the
    /// run always sees the same value. The computation may use only the log, the time and
    /// randomness. Any other request to the host fails the run.
    ///
    /// A rebuilt run skips the computation, so it must have no effect besides its outcome. An
    /// effect that is easily overlooked is a `HashMap`: making one changes the order of the maps
    /// that are made later.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn render(order: &Value) -> Result<String> { Ok(String::new()) }
    /// # fn example(ctx: Context, order: Value) -> Result<()> {
    /// let invoice: String = ctx.step("render invoice", || render(&order))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn step<T: FromPayload + IntoPayload>(
        &self,
        name: impl Into<String>,
        compute: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let name = name.into();
        let outcome = match contract::begin(&name) {
            Some(recorded) => recorded,
            None => {
                let outcome = compute().and_then(IntoPayload::into_payload);
                let outcome = outcome
                    .map(Payload::into_contract)
                    .map_err(Error::into_failure);
                contract::finish(&name, outcome.as_ref());
                outcome
            }
        };
        let payload = outcome.map_err(Error::from_failure)?;
        T::from_payload(Payload::from_contract(payload))
    }
}
