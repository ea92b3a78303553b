//! Answers of the API. Checks that no bytes make the command line panic when it reads them, that an answer which was read
//! is the same after it was written and read again, that every record of a journal can be shown and read back, and that the
//! output of a run is shown unchanged.

#![no_main]

use std::fmt::Debug;

use bytes::Bytes;
use dormouse_api::{
    Activation, Deployed, JournalPage, LogPage, Mask, Notified, NotifiedRun, ProblemBody, Run,
    RunPage, RunStatus, Secrets, Showing, Webhooks, Workflows, is_json, output,
};
use dormouse_journal::{Completion, Kind, Outcome, Payload, Time};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// 9999-12-30T22:00:00.999Z
const LAST: Time = Time(253_402_207_200_999);

fuzz_target!(|bytes: &[u8]| {
    check_answer::<Deployed>(bytes);
    check_answer::<JournalPage>(bytes);
    check_answer::<LogPage>(bytes);
    check_answer::<Notified>(bytes);
    check_answer::<NotifiedRun>(bytes);
    check_answer::<ProblemBody>(bytes);
    check_answer::<Run>(bytes);
    check_answer::<RunPage>(bytes);
    check_answer::<RunStatus>(bytes);
    check_answer::<Secrets>(bytes);
    check_answer::<Webhooks>(bytes);
    check_answer::<Workflows>(bytes);
    if let Ok(mut recorded) = dormouse_journal::Activation::decode(bytes) {
        end_with_the_calendar(&mut recorded);
        let mut page = Showing::new(Mask::default());
        check_round_trip(&Activation::of(1, 1, &recorded, &mut page));
    }
    for content_type in [
        "application/json",
        "application/problem+json; a=b",
        "text/plain",
    ] {
        check_output(content_type, bytes);
    }
});

/// Reads an answer as the command line does, and checks that it survives being written.
fn check_answer<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        check_round_trip(&value);
    }
}

/// Checks that a value is the same after it was written and read again. Compares what `Debug` shows of both values: not all
/// types can be compared, and a field that is never written would be missing from both texts.
fn check_round_trip<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("it is JSON");
    let again: T = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(format!("{again:?}"), format!("{value:?}"), "{text}");
}

/// Sets times beyond the calendar to its last time. The API shows all of these as that time, so they could not be told apart
/// when they are read.
fn end_with_the_calendar(recorded: &mut dormouse_journal::Activation) {
    recorded.time = recorded.time.min(LAST);
    recorded.shift = recorded.shift.min(0);
    if let Some(Completion {
        outcome: Outcome::Delivery(Some(delivery)),
        ..
    }) = &mut recorded.completion
    {
        delivery.accepted = delivery.accepted.min(LAST);
    }
    for operation in &mut recorded.operations {
        if let Kind::SleepUntil { instant } = &mut operation.kind {
            *instant = (*instant).min(LAST);
        }
    }
}

fn check_output(content_type: &str, body: &[u8]) {
    let payload = Payload {
        content_type: content_type.to_owned(),
        body: Bytes::copy_from_slice(body),
    };
    let shown = output(&payload).expect("every output can be shown");
    // As it stands: JSON bounds no number, and a value in Rust does.
    let is_shown = serde_json::from_slice::<&serde_json::value::RawValue>(body).is_ok();
    if is_json(content_type) && is_shown {
        assert_eq!(shown.get().as_bytes(), body.trim_ascii());
    } else {
        let shown: serde_json::Value = serde_json::from_str(shown.get()).expect("it is JSON");
        assert!(shown["content_type"] == content_type && shown["base64"].is_string());
    }
}
