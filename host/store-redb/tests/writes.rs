//! The number of bytes that are written to the disk.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use dormouse_journal::{Kind, OperationNumber, Request, RetryPolicy, Time};
use dormouse_store::{AttemptMade, AttemptNoted, Call, NewCall};

use crate::support::{Machine, StoreKind, World, activation};

#[test]
fn an_attempt_at_a_large_call_does_not_write_the_call_again() {
    let world = World::new(StoreKind::Redb);
    let Machine::Redb(disk) = &world.machine else {
        panic!("it is on a disk");
    };
    let id = world.start();
    let kind = Kind::Call {
        method: "POST".into(),
        url: "http://service.example/".into(),
        retry: RetryPolicy::default(),
    };
    let call = Call {
        request: Request {
            method: "POST".into(),
            url: "http://service.example/".into(),
            headers: Vec::new(),
            body: Bytes::from(vec![1; 1 << 20]),
        },
        retry: RetryPolicy::default(),
        timeout: 1_000,
        redirects: 0,
        idempotency_key: "key".into(),
        secret_headers: Vec::new(),
    };
    let mut calling = activation(world.now(), None, vec![kind]);
    let operation = OperationNumber(0);
    calling.calls.push(NewCall {
        operation,
        call: call.clone(),
    });
    let written = || disk.written.load(Ordering::SeqCst);
    let before = written();
    world.commit(id, 0, calling).unwrap();
    assert!(written() - before >= 1 << 20, "the call is on no disk");
    let before = written();
    let made = AttemptMade::Again {
        next: Time(2_000),
        error: None,
    };
    assert_eq!(world.attempt(id, 0, 1, made), AttemptNoted::Recorded);
    let took = written() - before;
    assert!(took < 100 << 10, "an attempt wrote {took} bytes");
    let sending = world.sending(id, 0).unwrap();
    assert_eq!(
        (sending.large_body, sending.attempts.scheduled),
        (Some(1 << 20), 2)
    );
    let whole = world.whole_call(id, 0);
    assert_eq!(whole, Some(call));
}
