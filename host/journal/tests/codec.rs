//! The bytes of a record: read back as they were written, refused if they are not valid, and unchanged between
//! versions.

use bytes::Bytes;
use dormouse_journal::{
    Activation, Arguments, CallError, CancelOptions, Channel, Completion, DecodeError, Delivery,
    Digest, End, Failure, Fields, Kind, Operation, OperationNumber, Origin, Outcome, Payload,
    Request, Response, RetryPolicy, Source, Time, WebhookNumber, WebhookOptions, decode, encode,
};
use proptest::prelude::*;

/// Arguments with one field that no kind has.
fn reason() -> Arguments {
    Arguments::CancelRun {
        run: String::new(),
        options: CancelOptions::default(),
    }
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn headers() -> impl Strategy<Value = Vec<(String, Bytes)>> {
    prop::collection::vec(("[a-z-]{1,12}", bytes()), 0..4)
}

fn request() -> impl Strategy<Value = Request> {
    ("[A-Z]{1,7}", "\\PC{0,30}", headers(), bytes()).prop_map(|(method, url, headers, body)| {
        Request {
            method,
            url,
            headers,
            body,
        }
    })
}

fn response() -> impl Strategy<Value = Response> {
    (any::<u16>(), headers(), bytes()).prop_map(|(status, headers, body)| Response {
        status,
        headers,
        body,
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    ("[a-z/]{0,20}", bytes()).prop_map(|(content_type, body)| Payload { content_type, body })
}

fn failure() -> impl Strategy<Value = Failure> {
    ("[a-z-]{0,12}", "\\PC{0,30}").prop_map(|(code, message)| Failure { code, message })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let delivery =
        ("[a-f0-9]{8}", any::<u64>(), request()).prop_map(|(id, accepted, request)| Delivery {
            id,
            accepted: Time(accepted),
            request,
        });
    let error = prop_oneof![
        "\\PC{0,20}".prop_map(CallError::Denied),
        Just(CallError::TimedOut),
        any::<u64>().prop_map(CallError::TooLarge),
        Just(CallError::Interrupted),
        failure().prop_map(CallError::Other),
    ];
    prop_oneof![
        prop::option::of(delivery).prop_map(Outcome::Delivery),
        prop::result::maybe_ok(response(), error).prop_map(Outcome::Response),
        Just(Outcome::Slept),
        prop::option::of(payload()).prop_map(Outcome::Event),
        any::<u32>().prop_map(Outcome::Notified),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let webhook = any::<u32>().prop_map(WebhookNumber);
    prop_oneof![
        (webhook.clone(), "\\PC{0,30}").prop_map(|(webhook, url)| Kind::CreateWebhook {
            webhook,
            url,
            options: WebhookOptions::default(),
        }),
        (webhook.clone(), any::<Option<u64>>())
            .prop_map(|(webhook, timeout)| Kind::WaitForWebhook { webhook, timeout }),
        webhook.prop_map(|webhook| Kind::CloseWebhook { webhook }),
        "\\PC{0,30}".prop_map(|url| Kind::Call {
            method: "GET".into(),
            url,
            retry: RetryPolicy::default()
        }),
        any::<u64>().prop_map(|duration| Kind::Sleep { duration }),
        prop::option::of(prop::result::maybe_ok(payload(), failure()))
            .prop_map(|outcome| Kind::Begin { outcome }),
        prop::collection::vec(any::<u32>().prop_map(OperationNumber), 0..4).prop_map(
            |operations| Kind::Abandon {
                operations,
                dropped: true
            }
        ),
    ]
}

fn origin() -> impl Strategy<Value = Origin> {
    let channel = prop_oneof![
        any::<u32>().prop_map(|number| Channel::Webhook(WebhookNumber(number))),
        "\\PC{0,12}".prop_map(Channel::Event),
        any::<u32>().prop_map(|number| Channel::Result(OperationNumber(number))),
        Just(Channel::Cancel),
    ];
    let source = prop_oneof![
        (channel, any::<u64>()).prop_map(|(channel, place)| Source::Arrival { channel, place }),
        Just(Source::Deadline),
        Just(Source::Abandoned),
    ];
    let event = prop::option::of("\\PC{0,12}");
    (source, any::<u64>(), event).prop_map(|(source, accepted, event)| Origin {
        source,
        accepted: Time(accepted),
        event,
    })
}

fn activation() -> impl Strategy<Value = Activation> {
    let operation =
        ("\\PC{0,12}", any::<[u8; 16]>(), kind()).prop_map(|(step, digest, kind)| Operation {
            step,
            digest: Digest(digest),
            kind,
            fields: Fields::of(&reason()),
        });
    let completion = (any::<u32>(), outcome()).prop_map(|(operation, outcome)| Completion {
        operation: OperationNumber(operation),
        outcome,
    });
    let end = prop_oneof![
        payload().prop_map(End::Completed),
        (failure(), prop::option::of("\\PC{0,30}"))
            .prop_map(|(failure, backtrace)| End::Failed { failure, backtrace }),
    ];
    (
        any::<u64>(),
        prop::option::of(completion),
        prop::collection::vec(operation, 0..5),
        any::<u32>(),
        prop::option::of(end),
        any::<i64>(),
        prop::option::of(origin()),
    )
        .prop_map(
            |(time, completion, operations, log_lines, end, shift, origin)| Activation {
                time: Time(time),
                completion,
                operations,
                log_lines,
                end,
                shift,
                origin,
            },
        )
}

proptest! {
    #[test]
    fn a_written_record_can_be_read_back(activation in activation()) {
        prop_assert_eq!(activation.encoded_len(), activation.encode().len());
        prop_assert_eq!(Activation::decode(&activation.encode()), Ok(activation));
    }

    #[test]
    fn a_truncated_record_is_refused(activation in activation(), part in 0.0..1.0f64) {
        let bytes = activation.encode();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the record")]
        let end = (bytes.len() as f64 * part) as usize;
        prop_assert!(Activation::decode(&bytes[..end]).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Activation::decode(&bytes);
    }
}

#[test]
fn a_newer_format_and_what_follows_a_record_are_refused() {
    let mut bytes = encode(&7u32);
    bytes.push(0);
    assert_eq!(
        decode::<u32>(&bytes),
        Err(DecodeError::TrailingBytes { count: 1 })
    );
    assert_eq!(
        decode::<u32>(&[2, 7]),
        Err(DecodeError::Version { found: 2 })
    );
    assert_eq!(decode::<u32>(&[]), Err(DecodeError::Empty));
}

/// One of everything that this release writes. If this changes, journals that exist can no longer be read.
#[test]
fn the_bytes_of_a_record_are_frozen() {
    let activation = Activation {
        time: Time(1_767_225_600_000),
        completion: Some(Completion {
            operation: OperationNumber(1),
            outcome: Outcome::Delivery(Some(Delivery {
                id: "d".into(),
                accepted: Time(300),
                request: Request {
                    method: "POST".into(),
                    url: "u".into(),
                    headers: vec![("a".into(), Bytes::from_static(b"b"))],
                    body: Bytes::from_static(&[0, 255]),
                },
            })),
        }),
        operations: vec![Operation {
            step: "s".into(),
            digest: Digest([7; 16]),
            kind: Kind::WaitForWebhook {
                webhook: WebhookNumber(0),
                timeout: Some(5),
            },
            fields: Fields::of(&reason()),
        }],
        log_lines: 2,
        end: Some(End::Failed {
            failure: Failure {
                code: "c".into(),
                message: "m".into(),
            },
            backtrace: None,
        }),
        shift: -3,
        origin: Some(Origin {
            source: Source::Arrival {
                channel: Channel::Webhook(WebhookNumber(2)),
                place: 9,
            },
            accepted: Time(300),
            event: None,
        }),
    };
    let hex: String = activation
        .encode()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    insta::assert_snapshot!(hex, @"0380d0eab6b733010100010164ac0204504f5354017501016101620200ff01017307070707070707070707070707070707010001050213580201010163016d00050100000209ac0200");
    // Version 2 had no digests of fields and did not say where the completion came from, and version 1 had no shift.
    let second = "0280d0eab6b733010100010164ac0204504f5354017501016101620200ff01017307070707070707070707070707070707010001050201010163016d0005";
    let first = "01".to_owned() + &second[2..second.len() - 2];
    let decoded = |hex: &str| {
        let bytes = (0..hex.len()).step_by(2);
        let bytes: Vec<u8> = bytes
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect();
        Activation::decode(&bytes)
    };
    let mut expected = activation;
    expected.operations[0].fields = Fields::default();
    expected.origin = None;
    assert_eq!(decoded(second), Ok(expected.clone()));
    expected.shift = 0;
    assert_eq!(decoded(&first), Ok(expected));
}
