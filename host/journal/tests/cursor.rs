//! The replay cursor, call by call: recorded operations, new operations, and differences.

use bytes::Bytes;
use dormouse_journal::{
    Activation, Arguments, Completion, Cursor, End, Fault, Fields, Issued, Kind, Mismatch,
    OperationNumber, Outcome, Payload, Side, Time, WebhookNumber,
};

fn sleep(cursor: &mut Cursor, step: &str, duration: u64) -> Result<Issued, Mismatch> {
    cursor.issue(step, &Arguments::Sleep(duration), |_| Kind::Sleep {
        duration,
    })
}

fn create(cursor: &mut Cursor, url: &str) -> Issued {
    let arguments = Arguments::CreateWebhook(Default::default());
    cursor
        .issue("hook", &arguments, |_| Kind::CreateWebhook {
            webhook: WebhookNumber(0),
            url: url.into(),
            options: Default::default(),
        })
        .unwrap()
}

fn slept(operation: u32) -> Option<Completion> {
    Some(Completion {
        operation: OperationNumber(operation),
        outcome: Outcome::Slept,
    })
}

/// Returns a first activation that creates a webhook and sleeps, as a live run records it.
fn recorded() -> Activation {
    let mut cursor = Cursor::new();
    cursor.open_live(Time(5).into(), None);
    create(&mut cursor, "https://first.example/hooks/t");
    sleep(&mut cursor, "nap", 10).unwrap();
    cursor
        .close(None)
        .unwrap()
        .expect("a live activation is to be committed")
}

#[test]
fn a_live_activation_records_what_is_made() {
    let activation = recorded();
    assert_eq!(activation.time, Time(5));
    let names: Vec<_> = activation
        .operations
        .iter()
        .map(|operation| operation.kind.name())
        .collect();
    assert_eq!(names, ["create-webhook", "sleep"]);
}

#[test]
fn replay_gives_what_was_recorded_and_records_nothing() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    let issued = create(&mut cursor, "https://second.example/hooks/t");
    let Kind::CreateWebhook { url, .. } = issued.kind else {
        panic!("another kind")
    };
    assert_eq!(
        url, "https://first.example/hooks/t",
        "the URL is the one that the guest was given"
    );
    assert!(issued.recorded);
    assert!(sleep(&mut cursor, "nap", 10).unwrap().recorded);
    assert_eq!(cursor.close(None).unwrap(), None);
    cursor.open_live(Time(15).into(), slept(1));
    let issued = sleep(&mut cursor, "more", 1).unwrap();
    assert_eq!(
        (issued.number, issued.recorded),
        (OperationNumber(2), false)
    );
}

#[test]
fn other_arguments_are_a_mismatch_with_both_sides() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    create(&mut cursor, "u");
    let mismatch = sleep(&mut cursor, "nap", 11).unwrap_err();
    assert_eq!(mismatch.number, OperationNumber(1));
    let text = mismatch.to_string();
    assert!(
        text.contains(r#"the journal has sleep "nap" (10 ms)"#),
        "{text}"
    );
    assert!(
        text.contains(r#"the workflow now has sleep "nap" (11 ms)"#),
        "{text}"
    );
}

#[test]
fn another_step_name_is_a_mismatch() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    create(&mut cursor, "u");
    assert!(sleep(&mut cursor, "doze", 10).is_err());
}

#[test]
fn one_operation_too_many_is_a_mismatch() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    create(&mut cursor, "u");
    sleep(&mut cursor, "nap", 10).unwrap();
    assert_eq!(
        sleep(&mut cursor, "nap", 10).unwrap_err().expected,
        Side::Quiescence
    );
}

#[test]
fn one_operation_too_few_is_a_mismatch() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    create(&mut cursor, "u");
    assert_eq!(cursor.close(None).unwrap_err().found, Side::Quiescence);
}

#[test]
fn an_end_where_the_journal_goes_on_is_a_mismatch() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(recorded());
    create(&mut cursor, "u");
    sleep(&mut cursor, "nap", 10).unwrap();
    let end = End::Completed(Payload::default());
    assert_eq!(cursor.close(Some(end)).unwrap_err().found, Side::End);
}

#[test]
fn the_end_of_a_run_is_repeated_with_its_result() {
    let end = |body: &str| {
        End::Completed(Payload {
            content_type: "text/plain".into(),
            body: body.to_owned().into(),
        })
    };
    let closed = |made| {
        let mut cursor = Cursor::new();
        cursor.open_recorded(Activation {
            end: Some(end("one")),
            ..recorded()
        });
        create(&mut cursor, "u");
        sleep(&mut cursor, "nap", 10).unwrap();
        cursor.close(made)
    };
    assert_eq!(closed(Some(end("one"))), Ok(None));
    let other = closed(Some(end("two"))).unwrap_err();
    assert_eq!((other.expected, other.found), (Side::End, Side::OtherEnd));
    let none = closed(None).unwrap_err();
    assert_eq!((none.expected, none.found), (Side::End, Side::Quiescence));
}

#[test]
fn a_step_is_computed_once_and_recorded() {
    let outcome = Ok(Payload {
        content_type: "text/plain".into(),
        body: Bytes::from_static(b"42"),
    });
    let begin = |cursor: &mut Cursor| {
        cursor
            .issue("answer", &Arguments::Begin, |_| Kind::Begin {
                outcome: None,
            })
            .unwrap()
            .kind
    };
    let mut cursor = Cursor::new();
    cursor.open_live(Time(0).into(), None);
    assert_eq!(begin(&mut cursor), Kind::Begin { outcome: None });
    assert_eq!(cursor.open_step(), Some("answer"));
    assert_eq!(
        cursor.finish("other", outcome.clone()),
        Err(Fault::OtherStep {
            open: "answer".into()
        })
    );
    cursor.finish("answer", outcome.clone()).unwrap();
    assert_eq!(
        cursor.finish("answer", outcome.clone()),
        Err(Fault::NoOpenStep)
    );
    let activation = cursor.close(None).unwrap().unwrap();

    let mut cursor = Cursor::new();
    cursor.open_recorded(activation);
    assert_eq!(
        begin(&mut cursor),
        Kind::Begin {
            outcome: Some(outcome)
        }
    );
    assert_eq!(cursor.open_step(), None);
}

#[test]
fn a_rebuilt_instance_goes_on_in_the_middle_of_an_activation() {
    let mut cursor = Cursor::new();
    cursor.open_live(Time(3).into(), None);
    sleep(&mut cursor, "a", 1).unwrap();
    let partial = cursor.take_partial().unwrap().unwrap();

    let mut cursor = Cursor::new();
    cursor.open_partial(partial);
    assert!(!cursor.is_live());
    assert!(sleep(&mut cursor, "a", 1).unwrap().recorded);
    assert!(cursor.is_live());
    assert!(!sleep(&mut cursor, "b", 1).unwrap().recorded);
    assert_eq!(cursor.close(None).unwrap().unwrap().operations.len(), 2);
}

#[test]
fn log_lines_count_only_when_live() {
    let mut cursor = Cursor::new();
    cursor.open_live(Time(0).into(), None);
    assert_eq!((cursor.log_line(), cursor.log_line()), (Some(0), Some(1)));
    let activation = cursor.close(None).unwrap().unwrap();
    assert_eq!(activation.log_lines, 2);
    let mut cursor = Cursor::new();
    cursor.open_recorded(activation);
    assert_eq!(cursor.log_line(), None);
}

/// Returns arguments that are too large to be hashed where they are made.
fn large(first: u8) -> Arguments {
    let mut body = vec![b'x'; 300 << 10];
    body[0] = first;
    Arguments::Notify {
        event: "e".into(),
        run: None,
        payload: Payload {
            content_type: String::new(),
            body: body.into(),
        },
    }
}

fn notify(cursor: &mut Cursor, first: u8) -> Result<Issued, Mismatch> {
    cursor.issue("tell", &large(first), |_| Kind::Notify {
        event: "e".into(),
        run: None,
    })
}

/// Hashes what is to be hashed, as another thread does it.
fn hash(cursor: &mut Cursor) -> Result<usize, Mismatch> {
    let mut hashed = 0;
    while let Some(unhashed) = cursor.take_unhashed() {
        cursor.put_hashed(unhashed.hash())?;
        hashed += 1;
    }
    Ok(hashed)
}

/// Returns an activation with two large operations, and a small one between them.
fn with_large(hashing: impl FnOnce(&mut Cursor)) -> Activation {
    let mut cursor = Cursor::new();
    cursor.open_live(Time(5).into(), None);
    notify(&mut cursor, b'a').unwrap();
    sleep(&mut cursor, "nap", 10).unwrap();
    notify(&mut cursor, b'b').unwrap();
    hashing(&mut cursor);
    cursor.close(None).unwrap().unwrap()
}

#[test]
fn large_arguments_have_the_digests_that_they_always_had() {
    let activation = with_large(|cursor| assert_eq!(hash(cursor), Ok(2)));
    for (index, first) in [(0, b'a'), (2, b'b')] {
        let made = &activation.operations[index];
        assert_eq!(made.digest, large(first).digest());
        assert_eq!(made.fields, Fields::of(&large(first)));
    }
    assert_eq!(with_large(|_| {}), activation, "nobody hashed them before");
}

#[test]
fn large_arguments_are_compared_before_the_activation_is_closed() {
    let recorded = with_large(|_| {});
    let replayed = |second: u8, hashing: fn(&mut Cursor) -> Result<usize, Mismatch>| {
        let mut cursor = Cursor::new();
        cursor.open_recorded(recorded.clone());
        assert!(notify(&mut cursor, b'a').unwrap().recorded);
        sleep(&mut cursor, "nap", 10).unwrap();
        assert!(notify(&mut cursor, second).unwrap().recorded);
        hashing(&mut cursor)?;
        cursor.close(None)
    };
    assert_eq!(replayed(b'b', hash), Ok(None));
    assert_eq!(replayed(b'b', |_| Ok(0)), Ok(None));
    for hashing in [hash, |_: &mut Cursor| Ok(0)] {
        let mismatch = replayed(b'c', hashing).unwrap_err();
        assert_eq!(mismatch.number, OperationNumber(2));
        assert!(mismatch.to_string().contains("body"), "{mismatch}");
    }
}

#[test]
fn the_first_difference_is_shown_even_if_it_is_found_later() {
    let mut cursor = Cursor::new();
    cursor.open_recorded(with_large(|_| {}));
    notify(&mut cursor, b'z').unwrap();
    let mismatch = sleep(&mut cursor, "nap", 11).unwrap_err();
    assert_eq!(mismatch.number, OperationNumber(0));
}

#[test]
fn large_operations_that_are_done_again_are_taken_as_they_are_made() {
    let mut cursor = Cursor::new();
    cursor.do_again([OperationNumber(0)].into());
    cursor.open_recorded(with_large(|_| {}));
    notify(&mut cursor, b'z').unwrap();
    sleep(&mut cursor, "nap", 10).unwrap();
    notify(&mut cursor, b'b').unwrap();
    assert_eq!(hash(&mut cursor), Ok(2));
    assert_eq!(cursor.close(None), Ok(None));
    let remade = cursor.take_remade();
    assert_eq!(remade.len(), 1);
    assert_eq!(remade[0].1.digest, large(b'z').digest());
}
