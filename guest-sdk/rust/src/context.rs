//! The context of a workflow: its run, the time, randomness, the log and the labels.
//!
//! The operations are methods of the context too. They are in the files of their interfaces.

use std::fmt::Display;

use crate::contract::context::{self as contract, Level};
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::time::Instant;

/// The object through which a workflow reaches the host.
///
/// It is a token without contents: copy it into functions and futures as you like.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// async fn remind(ctx: Context, address: &str) -> Result<()> {
///     ctx.sleep("reminder", days(1)).await;
///     ctx.post(address).text("still waiting").send("remind").await?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Context {
    _private: (),
}

/// The run that executes the workflow.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # fn example(ctx: Context) {
/// let run = ctx.run();
/// ctx.info(format_args!("run {} of {}", run.id, run.workflow));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The id of the run, a UUID.
    pub id: String,
    /// The name of the run's workflow.
    pub workflow: String,
    /// The version of the workflow: the SHA-256 of its component, in hexadecimal.
    pub version: String,
    /// When the run was started.
    pub started: Instant,
    /// The headers of the request that started the run, without credentials.
    pub headers: Headers,
}

/// The request to a trigger that started a run. Its body is the run's input.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # fn example(ctx: Context) {
/// let event = ctx.request().and_then(|request| request.headers.get("x-github-event").map(str::to_owned));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerRequest {
    /// The name of the trigger.
    pub trigger: String,
    /// The method in capitals, such as `POST`.
    pub method: String,
    /// The whole URL that was called, with any path and query after the trigger's own URL.
    pub url: String,
    /// The headers of the request, without credentials and signatures.
    pub headers: Headers,
}

impl Context {
    pub(crate) const fn new() -> Self {
        Self { _private: () }
    }

    /// Returns this run.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let trace = ctx.run().headers.get("traceparent").map(str::to_owned);
    /// # }
    /// ```
    pub fn run(&self) -> Run {
        let contract::Run {
            id,
            workflow,
            version,
            started,
            headers,
        } = contract::current_run();
        let started = Instant::from_millis(started);
        Run {
            id,
            workflow,
            version,
            started,
            headers: Headers::from_contract(headers),
        }
    }

    /// Returns the request that started this run, if a trigger started it. Returns `None` if the run was
    /// started in another way, and after `continue_as_new`.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// if let Some(request) = ctx.request() {
    ///     ctx.info(format_args!("{} {}", request.method, request.url));
    /// }
    /// # }
    /// ```
    pub fn request(&self) -> Option<TriggerRequest> {
        contract::start_request().map(|request| TriggerRequest {
            trigger: request.trigger,
            method: request.method,
            url: request.url,
            headers: Headers::from_contract(request.headers),
        })
    }

    /// Returns the time. It does not change while the workflow computes, and moves on when something
    /// happens that the workflow waited for.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # async fn example(ctx: Context) {
    /// let begun = ctx.now();
    /// ctx.sleep("nap", minutes(1)).await;
    /// assert!(ctx.now() - begun >= minutes(1));
    /// # }
    /// ```
    pub fn now(&self) -> Instant {
        Instant::from_millis(contract::now())
    }

    /// Returns this many random bytes. They are the same when the run is rebuilt, and cannot be predicted
    /// from outside, so they are fit for keys and tokens.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let token = ctx.random_bytes(32);
    /// # }
    /// ```
    pub fn random_bytes(&self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            bytes.extend(contract::random(next_portion(length - bytes.len())));
        }
        bytes
    }

    /// Returns a random number.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let side = if ctx.random_u64() % 2 == 0 { "heads" } else { "tails" };
    /// # }
    /// ```
    pub fn random_u64(&self) -> u64 {
        u64::from_le_bytes(random_array())
    }

    /// Returns a random UUID (version 4), such as `6f1c2a3e-0b5d-4c8e-9f10-2d7b64a1e3c5`.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// let order = ctx.uuid();
    /// # }
    /// ```
    pub fn uuid(&self) -> String {
        uuid_of(random_array())
    }

    /// Logs a message at the level `trace`, for following every step.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// ctx.trace("entering the loop");
    /// # }
    /// ```
    pub fn trace(&self, message: impl Display) {
        contract::log(Level::Trace, &message.to_string());
    }

    /// Logs a message at the level `debug`, for finding a mistake.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, attempt: u32) {
    /// ctx.debug(format_args!("attempt {attempt}"));
    /// # }
    /// ```
    pub fn debug(&self, message: impl Display) {
        contract::log(Level::Debug, &message.to_string());
    }

    /// Logs a message at the level `info`, which is worth knowing.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// ctx.info("the order is placed");
    /// # }
    /// ```
    pub fn info(&self, message: impl Display) {
        contract::log(Level::Info, &message.to_string());
    }

    /// Logs a message at the level `warn`, about a problem that does not stop the workflow.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// ctx.warn("no reminder could be sent");
    /// # }
    /// ```
    pub fn warn(&self, message: impl Display) {
        contract::log(Level::Warn, &message.to_string());
    }

    /// Logs a message at the level `error`, about a failure.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context) {
    /// ctx.error("the order is lost");
    /// # }
    /// ```
    pub fn error(&self, message: impl Display) {
        contract::log(Level::Error, &message.to_string());
    }

    /// Sets a label of this run, `key:value`, by which people can find the run. A label with the same key
    /// gets the new value.
    ///
    /// A run has at most 16 labels, with keys of up to 64 bytes and values of up to 256 bytes. The code of
    /// the error is `label-limit`, or `invalid-label` for a text that is not a label. After an error,
    /// nothing was set.
    ///
    /// ```
    /// # use dormouse_sdk::prelude::*;
    /// # fn example(ctx: Context, customer: u64) -> Result<()> {
    /// ctx.set_label(format!("customer:{customer}"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_label(&self, label: impl AsRef<str>) -> Result<()> {
        contract::set_label(label.as_ref()).map_err(Error::from_failure)
    }
}

/// The largest number of random bytes that the contract allows at a time.
const RANDOM_BYTES_AT_A_TIME: u32 = 65_536;

fn next_portion(missing: usize) -> u32 {
    u32::try_from(missing).map_or(RANDOM_BYTES_AT_A_TIME, |n| n.min(RANDOM_BYTES_AT_A_TIME))
}

fn random_array<const N: usize>() -> [u8; N] {
    let bytes = Context::new().random_bytes(N);
    std::array::from_fn(|index| bytes[index])
}

fn uuid_of(mut bytes: [u8; 16]) -> String {
    // RFC 9562: four bits are the version, and two bits the variant.
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_says_its_version_and_variant() {
        assert_eq!(uuid_of([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid_of([0; 16]), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn random_bytes_come_in_portions() {
        assert_eq!(next_portion(5), 5);
        assert_eq!(next_portion(65_536), 65_536);
        assert_eq!(next_portion(65_537), 65_536);
        assert_eq!(next_portion(usize::MAX), 65_536);
    }
}
