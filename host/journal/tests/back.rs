//! Runs that are taken back: the point to which they are taken back, and the operations that they wait for there.

use bytes::Bytes;
use dormouse_journal::{
    Activation, Channel, Completion, Digest, Fields, Kind, Operation, OperationNumber, Origin,
    Outcome, Response, Retrace, RetryPolicy, Source, StepName, StepSearch, Time,
};

fn operation(step: &str, kind: Kind) -> Operation {
    Operation {
        step: step.into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    }
}

fn call(step: &str) -> Operation {
    let kind = Kind::Call {
        method: "POST".into(),
        url: "http://service.example/?key=secret".into(),
        retry: RetryPolicy::default(),
    };
    operation(step, kind)
}

fn sleep(step: &str, duration: u64) -> Operation {
    operation(step, Kind::Sleep { duration })
}

fn drops(number: u32) -> Operation {
    let kind = Kind::Abandon {
        operations: vec![OperationNumber(number)],
        dropped: true,
    };
    operation("abandon", kind)
}

/// Returns an activation that was given the outcome of a call, and made these operations.
fn activation(time: u64, given: Option<u32>, operations: Vec<Operation>) -> Activation {
    let completion = given.map(|number| Completion {
        operation: OperationNumber(number),
        outcome: Outcome::Response(Ok(Response {
            status: 200,
            headers: Vec::new(),
            body: Bytes::new(),
        })),
    });
    let origin = given.map(|number| Origin {
        source: Source::Arrival {
            channel: Channel::Result(OperationNumber(number)),
            place: 0,
        },
        accepted: Time(time),
        event: None,
    });
    Activation {
        time: Time(time),
        completion,
        operations,
        log_lines: 0,
        end: None,
        shift: 0,
        origin,
    }
}

/// Returns two calls and a sleep at once; the first is answered, and a third is made; the second is answered, and the sleep
/// dropped; the third is answered.
fn journal() -> Vec<Activation> {
    vec![
        activation(10, None, vec![call("a"), call("b"), sleep("s", 100)]),
        activation(20, Some(0), vec![call("a")]),
        activation(30, Some(1), vec![drops(2)]),
        activation(40, Some(3), vec![call("last")]),
    ]
}

fn each(journal: &[Activation], mut look: impl FnMut(OperationNumber, u32, &Activation)) {
    let mut first = 0;
    for (number, activation) in (0..).zip(journal) {
        look(OperationNumber(first), number, activation);
        first += u32::try_from(activation.operations.len()).unwrap();
    }
}

/// Returns the step's operation and how many activations stay.
fn seek(wanted: &str) -> Option<(u32, Option<u32>)> {
    let mut seek = StepSearch::new(StepName::from(wanted));
    each(&journal(), |first, number, activation| {
        seek.look(first, number, activation);
    });
    let (found, last) = seek.found();
    assert_eq!(last, ["last", "a", "s", "b"]);
    found.map(|found| (found.operation.0, found.keeps()))
}

#[test]
fn a_step_is_the_last_of_its_name_or_an_operation_and_goes_back_to_before_its_answer() {
    assert_eq!(seek("a"), Some((3, Some(3))));
    assert_eq!(seek("0"), Some((0, Some(1))));
    assert_eq!(seek("b"), Some((1, Some(2))));
    assert_eq!(seek("s"), Some((2, Some(2))), "given up is an answer");
    assert_eq!(seek("last"), Some((5, None)));
    assert_eq!((seek("none"), seek("99")), (None, None));
}

fn retrace(journal: &[Activation], keep: u32) -> Retrace {
    let mut retrace = Retrace::new(0, OperationNumber(0), keep);
    each(journal, |first, _, activation| {
        retrace.follow(first, activation);
    });
    retrace
}

#[test]
fn operations_open_at_the_point_wait_again_and_later_ones_do_not() {
    let journal = journal();
    let retrace = retrace(&journal, 1);
    assert_eq!(retrace.operations(), 3);
    assert_eq!(retrace.journal_bytes(), journal[0].encode().len() as u64);
    let reopened: Vec<_> = retrace
        .reopened(Time(1_020))
        .into_iter()
        .map(|again| (again.operation.0, again.open.issued.0, again.has_completed))
        .collect();
    // What was given up has the time that it had left when the first activation was made that is set aside.
    assert_eq!(reopened, [(0, 10, true), (1, 10, true), (2, 1_010, false)]);
    let after = retrace.after();
    assert_eq!(after.calls.count, 1, "the last one has no answer");
    assert_eq!(after.calls.first[0].2, "POST http://service.example/");
    assert!(retrace.calls_given_up().is_empty() && !after.is_too_old);
}

#[test]
fn a_call_that_was_given_up_is_sent_again_and_an_older_record_is_found() {
    let mut journal = journal();
    journal[2].operations.push(drops(3));
    let retrace = retrace(&journal[..3], 2);
    assert_eq!(
        retrace.calls_given_up().into_iter().collect::<Vec<_>>(),
        [OperationNumber(3)]
    );
    journal[1].origin = None;
    assert!(self::retrace(&journal, 1).after().is_too_old);
    assert!(!self::retrace(&journal, 2).after().is_too_old, "it stays");
}
