//! The order of completions: the timeout rule, the order of waits, and abandonment.

use bytes::Bytes;
use dormouse_journal::{
    Activation, Channel, Completion, Digest, Fields, Frontier, Head, Kind, Moment, Operation,
    OperationNumber, Outcome, Ready, Source, Time, WebhookNumber,
};

const HOOK: WebhookNumber = WebhookNumber(0);

fn at(time: u64) -> Moment {
    Time(time).into()
}

fn operation(kind: Kind) -> Operation {
    Operation {
        step: "step".into(),
        digest: Digest::of(&0u8),
        kind,
        fields: Fields::default(),
    }
}

fn wait(timeout: Option<u64>) -> Kind {
    Kind::WaitForWebhook {
        webhook: HOOK,
        timeout,
    }
}

fn activation(time: u64, completion: Option<u32>, kinds: Vec<Kind>) -> Activation {
    Activation {
        time: Time(time),
        completion: completion.map(|number| Completion {
            operation: OperationNumber(number),
            outcome: Outcome::Slept,
        }),
        operations: kinds.into_iter().map(operation).collect(),
        log_lines: 0,
        end: None,
        shift: 0,
        origin: None,
    }
}

fn frontier(time: u64, kinds: Vec<Kind>) -> Frontier {
    let mut frontier = Frontier::new();
    frontier.apply(&activation(time, None, kinds));
    frontier
}

/// Returns the first channel that is unchecked.
fn unchecked(frontier: &Frontier) -> Option<Channel> {
    frontier.unchecked().next().cloned()
}

/// Answers every unchecked channel: the hook's inbox holds what is given, all else is empty.
fn check(frontier: &mut Frontier, inbox: Option<(u64, u64)>) {
    while let Some(channel) = unchecked(frontier) {
        let head = match channel {
            Channel::Webhook(_) => inbox.map(|(place, accepted)| Head {
                place,
                accepted: Time(accepted),
            }),
            _ => None,
        };
        frontier.found(channel, head);
    }
}

fn delivers(ready: Option<Ready>) -> Option<(u32, u64)> {
    match ready? {
        Ready {
            operation,
            source: Source::Arrival { place, .. },
            ..
        } => Some((operation.0, place)),
        _ => None,
    }
}

#[test]
fn a_request_accepted_before_the_deadline_wins_however_late_the_host_looks() {
    let mut frontier = frontier(100, vec![wait(Some(50))]);
    check(&mut frontier, Some((7, 149)));
    assert_eq!(delivers(frontier.next(at(9_999))), Some((0, 7)));
}

#[test]
fn a_request_accepted_at_the_deadline_stays_queued_and_the_wait_ends() {
    let mut frontier = frontier(100, vec![wait(Some(50))]);
    check(&mut frontier, Some((7, 150)));
    let ready = frontier.next(at(150)).unwrap();
    assert_eq!((ready.source, ready.time), (Source::Deadline, Time(150)));
    assert_eq!(frontier.next(at(149)), None, "a deadline is never early");
}

#[test]
fn a_timeout_of_nothing_takes_what_is_there() {
    let mut frontier = frontier(100, vec![wait(Some(0))]);
    check(&mut frontier, Some((7, 100)));
    assert_eq!(delivers(frontier.next(at(100))), Some((0, 7)));
}

#[test]
fn a_timeout_of_nothing_ends_at_once_when_nothing_is_there() {
    let mut frontier = frontier(100, vec![wait(Some(0))]);
    check(&mut frontier, None);
    assert_eq!(frontier.next(at(100)).unwrap().source, Source::Deadline);
}

#[test]
fn the_oldest_wait_whose_deadline_is_later_gets_the_request() {
    let mut frontier = frontier(100, vec![wait(Some(10)), wait(Some(50)), wait(None)]);
    check(&mut frontier, Some((1, 130)));
    let first = frontier.next(at(140)).unwrap();
    assert_eq!((first.operation.0, first.source), (0, Source::Deadline));
    frontier.apply(&activation(140, Some(0), vec![]));
    check(&mut frontier, Some((1, 130)));
    assert_eq!(delivers(frontier.next(at(140))), Some((1, 1)));
}

#[test]
fn a_dropped_wait_gives_its_request_to_the_next() {
    let mut frontier = frontier(100, vec![wait(None), Kind::Sleep { duration: 10 }]);
    check(&mut frontier, None);
    assert_eq!(frontier.next(at(110)).unwrap().source, Source::Deadline);
    let dropped = Kind::Abandon {
        operations: vec![OperationNumber(0)],
        dropped: true,
    };
    frontier.apply(&activation(110, Some(1), vec![dropped, wait(None)]));
    check(&mut frontier, Some((0, 105)));
    assert_eq!(delivers(frontier.next(at(110))), Some((3, 0)));
}

#[test]
fn an_abandoned_wait_completes_and_takes_nothing() {
    let mut frontier = frontier(100, vec![wait(None), wait(None)]);
    let abandon = Kind::Abandon {
        operations: vec![OperationNumber(0)],
        dropped: false,
    };
    frontier.apply(&activation(110, None, vec![abandon]));
    check(&mut frontier, Some((0, 105)));
    let ready = frontier.next(at(110)).unwrap();
    assert_eq!(
        delivers(Some(ready)),
        Some((1, 0)),
        "accepted earlier, so first, and not to the abandoned wait"
    );
    frontier.apply(&activation(111, Some(1), vec![]));
    check(&mut frontier, None);
    let ready = frontier.next(at(111)).unwrap();
    assert_eq!((ready.operation.0, ready.source), (0, Source::Abandoned));
    frontier.apply(&activation(112, Some(0), vec![]));
    assert!(frontier.is_empty());
}

#[test]
fn completions_come_by_time_and_then_by_number() {
    let sleep = |duration| Kind::Sleep { duration };
    let mut frontier = frontier(100, vec![sleep(30), sleep(20), sleep(20), wait(None)]);
    check(&mut frontier, Some((0, 125)));
    let mut order = Vec::new();
    for _ in 0..4 {
        let ready = frontier.next(at(200)).unwrap();
        order.push(ready.operation.0);
        frontier.apply(&activation(200, Some(ready.operation.0), vec![]));
        check(&mut frontier, None);
    }
    assert_eq!(order, [1, 2, 3, 0]);
}

#[test]
fn a_hint_on_a_channel_nobody_waits_on_costs_nothing() {
    let mut frontier = frontier(100, vec![Kind::Sleep { duration: 10 }]);
    frontier.hint(Channel::Webhook(HOOK));
    assert_eq!(frontier.unchecked().next(), None);
}

#[test]
fn an_event_aimed_at_the_run_and_one_sent_to_all_do_not_share_a_delivery() {
    let event = || Kind::WaitForEvent {
        event: "e".into(),
        timeout: None,
    };
    let mut frontier = frontier(100, vec![event(), event()]);
    let own = Channel::Event("e".into());
    let head = |place| {
        Some(Head {
            place,
            accepted: Time(105),
        })
    };
    let empty = |frontier: &mut Frontier| {
        while let Some(channel) = unchecked(frontier) {
            let head = match &channel {
                Channel::Result(OperationNumber(0)) => head(0),
                channel if *channel == own => head(3),
                _ => None,
            };
            frontier.found(channel, head);
        }
    };
    empty(&mut frontier);
    let first = frontier.next(at(110)).unwrap();
    assert_eq!(first.operation.0, 0);
    frontier.apply(&activation(110, Some(0), vec![]));
    empty(&mut frontier);
    let second = frontier.next(at(110)).unwrap();
    assert_eq!(second.operation.0, 1);
    assert_eq!(
        second.source,
        Source::Arrival {
            channel: Channel::Event("e".into()),
            place: 3
        }
    );
}

#[test]
fn a_call_is_the_hosts_work_and_a_wait_is_not() {
    let call = Kind::Call {
        method: "GET".into(),
        url: String::from_utf8(Bytes::from_static(b"http://a/").to_vec()).unwrap(),
        retry: Default::default(),
    };
    assert!(frontier(0, vec![call]).has_host_work());
    assert!(!frontier(0, vec![wait(None)]).has_host_work());
}

#[test]
fn the_earlier_of_two_queued_requests_completes_first() {
    let other = WebhookNumber(1);
    let wait_other = Kind::WaitForWebhook {
        webhook: other,
        timeout: None,
    };
    let mut frontier = frontier(100, vec![wait(None), wait_other]);
    while let Some(channel) = unchecked(&frontier) {
        let accepted = if channel == Channel::Webhook(other) {
            10
        } else {
            20
        };
        frontier.found(
            channel,
            Some(Head {
                place: 0,
                accepted: Time(accepted),
            }),
        );
    }
    assert_eq!(delivers(frontier.next(at(100))), Some((1, 0)));
}

#[test]
fn a_wait_reached_by_an_event_to_all_leaves_one_aimed_at_the_run_to_the_next() {
    let wait = || Kind::WaitForEvent {
        event: "e".into(),
        timeout: None,
    };
    let aimed = Channel::Event("e".into());
    let head = |accepted| Head {
        place: 0,
        accepted: Time(accepted),
    };
    let mut frontier = frontier(100, vec![wait(), wait()]);
    // The aimed one came first, and is looked up first.
    while let Some(channel) = unchecked(&frontier) {
        let found = match &channel {
            Channel::Event(_) => Some(head(110)),
            Channel::Result(OperationNumber(0)) => Some(head(120)),
            _ => None,
        };
        frontier.found(channel, found);
    }
    let ready = frontier.next(at(130)).unwrap();
    assert_eq!(ready.operation, OperationNumber(1));
    assert!(matches!(ready.source, Source::Arrival { channel, .. } if channel == aimed));
    frontier.apply(&activation(130, Some(1), vec![]));
    check(&mut frontier, None);
    let ready = frontier.next(at(130)).unwrap();
    assert_eq!(ready.operation, OperationNumber(0));
}

fn sleep_until(instant: u64) -> Frontier {
    let instant = Time(instant);
    frontier(100, vec![Kind::SleepUntil { instant }])
}

#[test]
fn a_date_follows_wall_time_both_ways() {
    let frontier = sleep_until(200);
    let at = |time, shift| Moment {
        time: Time(time),
        shift,
    };
    for early in [at(199, 0), at(150, 49), at(299, -100), at(1_000, -801)] {
        assert_eq!(frontier.next(early), None, "{early:?}");
    }
    for (late, expected) in [(at(200, 0), 200), (at(150, 50), 150), (at(300, -100), 300)] {
        let ready = frontier.next(late).unwrap();
        assert_eq!(
            (ready.source, ready.time),
            (Source::Deadline, Time(expected))
        );
    }
    assert_eq!(frontier.next_deadline(at(100, 50)), Some(Time(150)));
    assert_eq!(frontier.next_deadline(at(100, -50)), Some(Time(250)));
}

#[test]
fn a_span_does_not_follow_wall_time() {
    let frontier = frontier(100, vec![Kind::Sleep { duration: 100 }]);
    let at = |time, shift| Moment {
        time: Time(time),
        shift,
    };
    assert_eq!(frontier.next(at(199, 1_000_000)), None);
    assert!(frontier.next(at(200, -1_000_000)).is_some());
}

#[test]
fn the_earlier_of_a_date_and_a_span_completes_first() {
    let kinds = vec![
        Kind::Sleep { duration: 50 },
        Kind::SleepUntil {
            instant: Time(1_140),
        },
    ];
    let frontier = frontier(100, kinds);
    let now = |shift| Moment {
        time: Time(200),
        shift,
    };
    let first = |shift| frontier.next(now(shift)).unwrap().operation;
    assert_eq!(first(1_000), OperationNumber(1));
    assert_eq!(first(950), OperationNumber(0));
}
