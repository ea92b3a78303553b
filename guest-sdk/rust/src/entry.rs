//! The code around a workflow: it reads the input, writes the output, and reports panics.

use std::hash::RandomState;
use std::hint::black_box;
use std::panic::{self, Location, PanicHookInfo};

use crate::bindings::{Failure, Payload as ContractPayload};
use crate::content_encoding::{DECODED_LIMIT, decode};
use crate::context::Context;
use crate::contract::context::{Level, current_run, log};
use crate::error::{Error, Result};
use crate::headers::Headers;
use crate::payload::{FromPayload, IntoPayload, Payload};

/// Prepares the environment of the workflow, and returns its context. The export that `#[workflow]` generates calls
/// this first, and then [`read_input`], the workflow, and [`settle`].
pub fn begin() -> Context {
    settle_hash_keys();
    panic::set_hook(Box::new(|info| log(Level::Error, &describe(info))));
    Context::new()
}

/// Reads the workflow's input.
pub fn read_input<I: FromPayload>(input: ContractPayload) -> Result<I, Failure> {
    let headers = Headers::from_contract(current_run().headers);
    read_input_under(&headers, Payload::from_contract(input))
        .map_err(|error| blame("input", &error).into_failure())
}

/// Reads an input. The sender of the request that started the run may have compressed the input.
///
/// Later generations, and a run that was started again with another input, still have the headers of that request,
/// which then do not tell the encoding of the input. So an input is first read as it is, and decoded only if that
/// fails.
fn read_input_under<I: FromPayload>(headers: &Headers, input: Payload) -> Result<I> {
    if headers.get_all("content-encoding").next().is_none() {
        return I::from_payload(input);
    }
    I::from_payload(input.clone()).or_else(|_| {
        let body = decode("the payload", headers, &input.body, DECODED_LIMIT)?.into_owned();
        I::from_payload(Payload { body, ..input })
    })
}

/// Turns the value that the workflow returned into the outcome of the run.
pub fn settle<R: Outcome>(outcome: R) -> Result<ContractPayload, Failure> {
    outcome
        .settle()
        .map(Payload::into_contract)
        .map_err(Error::into_failure)
}

/// The type that a workflow returns: a `Result`.
#[diagnostic::on_unimplemented(
    message = "a workflow returns a `Result`, and `{Self}` is not a `Result`",
    label = "write `Result<{Self}>`, and give the value as `Ok(value)`",
    note = "`dormouse_sdk::Result` has the error type that `?` turns most errors into"
)]
pub trait Outcome {
    /// Returns the output of the run, or the error with which the run fails.
    fn settle(self) -> Result<Payload>;
}

impl<O: IntoPayload, E: Into<Error>> Outcome for Result<O, E> {
    fn settle(self) -> Result<Payload> {
        self.map_err(Into::into)?
            .into_payload()
            .map_err(|error| blame("output", &error))
    }
}

/// Makes the standard library choose the keys of its hash maps now. Without randomness, it makes them from addresses
/// when the first map is made. After a step that would be too late: a rebuilt run skips the step, so its heap differs,
/// and every map would have another order than before.
fn settle_hash_keys() {
    black_box(RandomState::new());
}

/// Returns the error with the code `invalid-input` or `invalid-output`, and with the input or output named in the
/// message.
fn blame(what: &str, error: &Error) -> Error {
    let message = error
        .message()
        .replacen("the payload", &format!("the {what}"), 1);
    Error::new(format!("invalid-{what}"), message)
}

/// Describes a panic in one line, which the host shows as the failure's message after the trap.
fn describe(info: &PanicHookInfo<'_>) -> String {
    describe_parts(info.payload_as_str(), info.location())
}

fn describe_parts(message: Option<&str>, place: Option<&Location<'_>>) -> String {
    let message = message.unwrap_or("without a message").replace('\n', " ");
    match place {
        Some(place) => format!("panicked at {place}: {message}"),
        None => format!("panicked at an unknown place: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Input {
        items: Vec<u32>,
    }

    fn sum(input: &Input) -> Result<u32, std::num::TryFromIntError> {
        u32::try_from(input.items.iter().map(|item| u64::from(*item)).sum::<u64>())
    }

    fn run_sum(input: &str) -> Result<Payload> {
        run(Payload::new("", input), |input| sum(&input))
    }

    /// Runs a workflow as the export does.
    fn run<I: FromPayload, R: Outcome>(
        input: Payload,
        workflow: impl FnOnce(I) -> R,
    ) -> Result<Payload> {
        read_input_under(&Headers::default(), input)
            .map_err(|error| blame("input", &error).into_failure())
            .and_then(|input| settle(workflow(input)))
            .map(Payload::from_contract)
            .map_err(Error::from_failure)
    }

    #[test]
    fn json_in_and_json_out() {
        let output = run_sum(r#"{"items": [1, 2]}"#).unwrap();
        assert_eq!(output, Payload::new("application/json", "3"));
    }

    #[test]
    fn an_input_that_does_not_fit_names_the_field() {
        let error = run_sum(r#"{"items": [1, "two"]}"#).unwrap_err();
        assert_eq!(error.code(), "invalid-input");
        assert_eq!(
            error.message(),
            "the input does not fit: at `items[1]`: \
             invalid type: string \"two\", expected u32 at line 1 column 19"
        );
        let error = run_sum("").unwrap_err();
        assert!(
            error.message().starts_with("the input is empty: "),
            "{error}"
        );
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn a_compressed_input_is_decoded() {
        // `[1]`, compressed by gzip.
        let gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff\x8b6\x8c\x05\0\xb82/L\x03\0\0\0";
        let headers = Headers::from_iter([("content-encoding", "gzip")]);
        let read = |body: &[u8]| read_input_under::<Vec<u32>>(&headers, Payload::new("", body));
        assert_eq!(read(gzip).unwrap(), [1]);
        // The input of a later generation has the headers of the first generation.
        assert_eq!(read(b"[2]").unwrap(), [2]);
        assert_eq!(read(b"[").unwrap_err().code(), "invalid-encoding");
        let headers = Headers::from_iter([("content-encoding", "compress")]);
        let error = read_input_under::<u32>(&headers, Payload::new("", "x")).unwrap_err();
        assert_eq!(error.code(), "unsupported-encoding");
    }

    #[test]
    fn an_error_of_the_workflow_is_the_failure() {
        let error = run_sum(r#"{"items": [4294967295, 1]}"#).unwrap_err();
        assert_eq!(error.code(), "error");
        assert_eq!(
            error.message(),
            "out of range integral type conversion attempted"
        );
    }

    #[test]
    fn no_input_is_unit() {
        let output = run(Payload::default(), |(): ()| Ok::<_, Error>(()));
        assert_eq!(output.unwrap().body, b"null");
    }

    #[test]
    fn an_output_that_json_cannot_hold() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        let output = run(Payload::default(), |(): ()| Ok::<_, Error>(map));
        assert_eq!(output.unwrap_err().code(), "invalid-output");
    }

    #[test]
    fn a_panic_is_reported_in_one_line() {
        let place = Location::caller();
        let told = describe_parts(Some("left: 1\nright: 2"), Some(place));
        assert_eq!(told, format!("panicked at {place}: left: 1 right: 2"));
        assert_eq!(
            describe_parts(None, None),
            "panicked at an unknown place: without a message"
        );
    }
}
