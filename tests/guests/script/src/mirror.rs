//! The JSON form of results. Bytes are in base64, since a body or a header need not be text.

use base64::prelude::{BASE64_STANDARD, Engine};
use dormouse_sdk::Headers;
use dormouse_sdk::prelude::*;

pub(crate) fn delivery(delivery: &Delivery) -> Value {
    json!({
        "method": delivery.method,
        "url": delivery.url,
        "headers": headers(&delivery.headers),
        "body": bytes(&delivery.body),
    })
}

pub(crate) fn request(request: &dormouse_sdk::TriggerRequest) -> Value {
    json!({
        "trigger": request.trigger,
        "method": request.method,
        "url": request.url,
        "headers": headers(&request.headers),
    })
}

pub(crate) fn payload(payload: &Payload) -> Value {
    json!({ "content_type": payload.content_type, "body": bytes(&payload.body) })
}

pub(crate) fn call(result: &Result<Response, CallError>) -> Value {
    match result {
        Ok(response) => json!({ "status": response.status, "body": bytes(&response.body) }),
        Err(error) => json!({ "error": error.code() }),
    }
}

pub(crate) fn headers(headers: &Headers) -> Value {
    headers
        .iter()
        .map(|(name, value)| json!([name, bytes(value)]))
        .collect()
}

/// Returns how another run ended, or null if it has not ended.
pub(crate) fn outcome(outcome: Result<Option<RunOutcome>>) -> Value {
    match outcome {
        Ok(None) => Value::Null,
        Ok(Some(RunOutcome::Completed(output))) => match output.json::<Value>() {
            Ok(value) => json!({ "completed": value }),
            Err(_) => json!({ "completed": payload(&output) }),
        },
        Ok(Some(RunOutcome::Failed(error))) => {
            json!({ "failed": { "code": error.code(), "message": error.message() } })
        }
        Ok(Some(RunOutcome::Cancelled(reason))) => json!({ "cancelled": reason }),
        Ok(Some(RunOutcome::Gone)) => json!("gone"),
        Err(error) => refused(&error),
    }
}

/// Returns why a request about another run was refused.
pub(crate) fn refused(error: &Error) -> Value {
    json!({ "error": error.code(), "message": error.message() })
}

pub(crate) fn hex(bytes: &[u8]) -> Value {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into()
}

/// Returns the winner's result at the winner's place, and `lost` at the places of the others.
pub(crate) fn race(runners: usize, winner: usize, result: &Value) -> Value {
    (0..runners)
        .map(|n| {
            if n == winner {
                result.clone()
            } else {
                json!("lost")
            }
        })
        .collect()
}

fn bytes(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_base64() {
        assert_eq!(
            payload(&Payload::new("text/plain", [0xff])),
            json!({ "content_type": "text/plain", "body": "/w==" })
        );
        let repeated = Headers::from_iter([("A", "1"), ("a", "2")]);
        assert_eq!(headers(&repeated), json!([["A", "MQ=="], ["a", "Mg=="]]));
    }

    #[test]
    fn calls() {
        let response = Response::new(404).with_text("no");
        assert_eq!(
            call(&Ok(response)),
            json!({ "status": 404, "body": "bm8=" })
        );
        assert_eq!(
            call(&Err(CallError::TimedOut)),
            json!({ "error": "timed-out" })
        );
    }

    #[test]
    fn losers_keep_their_places() {
        assert_eq!(race(3, 1, &json!(null)), json!(["lost", null, "lost"]));
    }

    #[test]
    fn hexadecimal() {
        assert_eq!(hex(&[0, 0xa5, 0xff]), json!("00a5ff"));
    }
}
