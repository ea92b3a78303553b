//! What the API says: no bytes make the command line's reading of it panic, what is read survives being written again,
//! whatever is recorded is shown so that it can be read, and a run's output stands in it as that output.

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
    read::<Deployed>(bytes);
    read::<JournalPage>(bytes);
    read::<LogPage>(bytes);
    read::<Notified>(bytes);
    read::<NotifiedRun>(bytes);
    read::<ProblemBody>(bytes);
    read::<Run>(bytes);
    read::<RunPage>(bytes);
    read::<RunStatus>(bytes);
    read::<Secrets>(bytes);
    read::<Webhooks>(bytes);
    read::<Workflows>(bytes);
    if let Ok(mut recorded) = dormouse_journal::Activation::decode(bytes) {
        end_with_the_calendar(&mut recorded);
        let mut page = Showing::new(Mask::default());
        written(&Activation::of(1, 1, &recorded, &mut page));
    }
    for content_type in [
        "application/json",
        "application/problem+json; a=b",
        "text/plain",
    ] {
        check_output(content_type, bytes);
    }
});

/// Read as the command line does.
fn read<T: Serialize + DeserializeOwned + Debug>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        written(&value);
    }
}

/// Written and read again it is the same value. What is not written would be missing in both texts, so it is the values
/// that are compared, as they are shown: not all of them can be compared themselves.
fn written<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("it is JSON");
    let again: T = serde_json::from_str(&text).expect("what is said can be read");
    assert_eq!(format!("{again:?}"), format!("{value:?}"), "{text}");
}

/// A time beyond the calendar is shown as its end, and so is another when it is read.
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
