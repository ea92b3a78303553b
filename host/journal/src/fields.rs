//! Finds the fields in which the arguments of two operations differ.
//!
//! The digest of the arguments shows that two operations differ, and a [`Kind`](crate::Kind) has the smaller fields.
//! For each of the other fields a short digest is recorded, so that somebody who repairs a run learns which field
//! differs. These digests decide nothing: two different fields have the same digest by chance once in 65,536 times, and
//! then the field is only missing from what is shown.

use serde::{Deserialize, Serialize};

use crate::{Arguments, CallOptions, Request, StartOptions};

/// Short digests of those fields of an operation's arguments that its kind does not have. Records of earlier versions
/// have none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields(Vec<u8>);

/// The number of bytes of a digest.
const WIDTH: usize = 2;

impl Fields {
    /// Returns the digests of these arguments.
    #[must_use]
    pub fn of(arguments: &Arguments) -> Self {
        let mut fields = FieldDigests(Vec::new());
        fields.add_all(arguments);
        Fields(fields.0.iter().flat_map(|(_, digest)| *digest).collect())
    }

    /// Returns the names of the fields of these arguments that differ from the record. None if that is unknown, because
    /// the record has no digests or those of another kind.
    #[must_use]
    pub fn differing(&self, arguments: &Arguments) -> Option<Vec<&'static str>> {
        let mut made = FieldDigests(Vec::new());
        made.add_all(arguments);
        if made.0.len() * WIDTH != self.0.len() {
            return None;
        }
        let recorded = self.0.chunks_exact(WIDTH);
        let both = made.0.into_iter().zip(recorded);
        let differing = both.filter(|((_, digest), recorded)| digest != recorded);
        Some(differing.map(|((name, _), _)| name).collect())
    }
}

/// Names of fields, each with a digest.
struct FieldDigests(Vec<(&'static str, [u8; WIDTH])>);

impl FieldDigests {
    fn add(&mut self, name: &'static str, field: &impl Serialize) {
        self.0.push((name, short(field)));
    }

    /// Adds the digests of the fields that a kind does not have. Their order is the format.
    fn add_all(&mut self, arguments: &Arguments) {
        match arguments {
            Arguments::Respond { response, .. } => {
                self.add("headers", &response.headers);
                self.add("body", &response.body);
            }
            Arguments::Call { request, options } => self.add_call(request, options),
            Arguments::Notify { payload, .. } => {
                self.add("content_type", &payload.content_type);
                self.add("body", &payload.body);
            }
            Arguments::StartRun { input, options, .. } => {
                let StartOptions {
                    timeout,
                    labels,
                    headers,
                    ..
                } = options;
                self.add("content_type", &input.content_type);
                self.add("input", &input.body);
                self.add("timeout_ms", timeout);
                self.add("labels", labels);
                // An earlier version recorded only the four digests above.
                if !headers.is_empty() {
                    self.add("headers", headers);
                }
            }
            Arguments::CancelRun { options, .. } => self.add("reason", &options.reason),
            Arguments::CreateWebhook(_)
            | Arguments::WaitForWebhook { .. }
            | Arguments::CloseWebhook(_)
            | Arguments::Sleep(_)
            | Arguments::SleepUntil(_)
            | Arguments::WaitForEvent { .. }
            | Arguments::Begin
            | Arguments::Abandon { .. }
            | Arguments::WaitForRun { .. }
            | Arguments::WaitForCancel(_) => {}
        }
    }

    fn add_call(&mut self, request: &Request, options: &CallOptions) {
        let CallOptions {
            timeout,
            retry,
            idempotency_key,
            redirects,
            secret_headers,
        } = options;
        self.add("headers", &request.headers);
        self.add("secret_headers", secret_headers);
        self.add("body", &request.body);
        self.add("timeout_ms", timeout);
        self.add("retry", retry);
        self.add("idempotency_key", idempotency_key);
        self.add("redirects", redirects);
    }
}

/// Returns a short digest of a field's encoding: FNV-1a of 32 bits, folded. It only informs people, so it need not
/// resist attempts to find two fields with the same digest.
fn short(field: &impl Serialize) -> [u8; WIDTH] {
    match postcard::serialize_with_flavor(field, Fnv(0x811c_9dc5)) {
        Ok(digest) => digest,
        Err(error) => {
            unreachable!("the argument types have fixed shapes, and hashing cannot fail: {error}")
        }
    }
}

struct Fnv(u32);

impl postcard::ser_flavors::Flavor for Fnv {
    type Output = [u8; WIDTH];

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<[u8; WIDTH]> {
        let [a, b, c, d] = self.0.to_le_bytes();
        Ok([a ^ c, b ^ d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Payload, Time, encode};

    fn call(body: &'static str, key: Option<&str>) -> Arguments {
        Arguments::Call {
            request: Request {
                method: "POST".into(),
                url: "https://example.com".into(),
                headers: Vec::new(),
                body: body.into(),
            },
            options: CallOptions {
                idempotency_key: key.map(str::to_owned),
                ..CallOptions::default()
            },
        }
    }

    #[test]
    fn the_fields_that_differ_are_named() {
        let recorded = Fields::of(&call("a", None));
        let differing = |made: &Arguments| recorded.differing(made);
        assert_eq!(differing(&call("a", None)), Some(vec![]));
        assert_eq!(differing(&call("b", None)), Some(vec!["body"]));
        let both = differing(&call("b", Some("k")));
        assert_eq!(both, Some(vec!["body", "idempotency_key"]));
    }

    #[test]
    fn fields_without_digests_are_not_compared() {
        assert_eq!(Fields::default().differing(&call("a", None)), None);
        let notify = Arguments::Notify {
            event: "e".into(),
            run: None,
            payload: Payload::default(),
        };
        assert_eq!(Fields::of(&notify).differing(&call("a", None)), None);
    }

    /// Tests the cost that ARCHITECTURE.md states.
    #[test]
    fn a_call_costs_15_bytes_and_a_sleep_one() {
        let size = |arguments| encode(&Fields::of(&arguments)).len() - 1;
        assert_eq!(size(call("a", None)), 15);
        assert_eq!(size(Arguments::Sleep(1)), 1);
        assert_eq!(size(Arguments::SleepUntil(Time(1))), 1);
    }

    /// The digests in records never change, so the function must not change either.
    #[test]
    fn digests_stay_as_they_are() {
        assert_eq!(short(&"a"), [0x63, 0xfa]);
    }
}
