//! Memoised computations.

use crate::context::Context;
use crate::contract::steps as contract;
use crate::error::{Error, Result};
use crate::payload::{FromPayload, IntoPayload, Payload};

impl Context {
    /// Computes something once: its outcome, value or error, is recorded, and a rebuilt run takes
    /// it from the record.
    ///
    /// Worth it for what is slow, or what a later release of a library may compute differently.
    /// The value goes through JSON, also the first time, so that a run sees the same in any case.
    /// In the computation only the log, the time and chance may be used; anything else that asks
    /// the host fails the run.
    ///
    /// A rebuilt run skips it, so it may leave nothing behind but its outcome. What is easily
    /// overlooked is a `HashMap`: each one made changes the order of those that are made later.
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
