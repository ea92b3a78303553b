//! Stores of earlier versions: they are migrated in steps, which a kill may interrupt anywhere, and keep their content.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use dormouse_journal::{
    Channel, Delivery, Kind, OperationNumber, Outcome, Payload, Request, RetryPolicy, RunId,
    SecretHeader, Source, Status, Time, encode, encode_as,
};
use dormouse_store::rows::{Part, RowsMut};
use dormouse_store::{
    AimedNotified, Attempts, Bounds, Call, OpenError, RunQuery, SCHEMA, Store, TableId,
};
use dormouse_store_memory::{Dump, Memory};

use crate::support::disk::TestDisk;
use crate::support::storage::check_storage;
use crate::support::{
    HOOK, Inline, MAIL, Machine, StoreKind, World, activation, open_on, payload, run, wait,
    wait_event,
};

/// More calls than one commit of a migration moves.
const CALLS: u32 = 3_500;

fn call(number: u32, body: usize) -> Call {
    Call {
        request: Request {
            method: "POST".into(),
            url: format!("http://service.example/{number}"),
            headers: vec![("x-a".into(), Bytes::from_static(b"1"))],
            body: Bytes::from(vec![b'b'; body]),
        },
        // All that a policy could say then.
        retry: RetryPolicy {
            attempts: Some(5),
            give_up_after: None,
            ..RetryPolicy::default()
        },
        timeout: 1_000,
        redirects: 2,
        idempotency_key: format!("key {number}"),
        secret_headers: vec![SecretHeader::prefixed("authorization", "Bearer ", "token")],
    }
}

fn attempts(number: u32) -> Attempts {
    Attempts {
        scheduled: number % 4,
        next: Time(u64::from(number)),
    }
}

fn id(number: u32) -> RunId {
    RunId::new(Time(u64::from(number)), [0; 10])
}

/// Returns a row of `calls` as the first schema had it.
fn call_of_schema_1(number: u32, body: usize) -> Vec<u8> {
    let call = call(number, body);
    encode(&(
        call.request,
        call.retry,
        call.timeout,
        call.redirects,
        call.idempotency_key,
        attempts(number),
        vec![("authorization", "Bearer ", "token")],
    ))
}

const FORMAT: [Part<'static>; 1] = [Part::Text("format")];

fn set_schema(rows: &mut dyn RowsMut, schema: u8) {
    assert!(
        rows.write(TableId::Meta, &FORMAT, &[schema])
            .unwrap()
            .is_some()
    );
}

fn schema(memory: &Memory) -> Vec<u8> {
    let dump = memory.dump().into_iter();
    let mut found = dump.filter(|(table, key, _)| *table == "meta" && key.contains("\"format\""));
    found.next().unwrap().2
}

/// Returns a store of the first schema with this many calls. `body` says how large the body of each is.
fn old_store(calls: u32, body: impl Fn(u32) -> usize) -> Memory {
    let memory = Memory::default();
    open(&memory).unwrap();
    memory.change(|rows| {
        set_schema(rows, 1);
        for number in 0..calls {
            let row = call_of_schema_1(number, body(number));
            let run = id(number);
            let key = [Part::Run(&run.0), Part::U32(number)];
            rows.write(TableId::Calls, &key, &row).unwrap();
        }
    });
    memory
}

fn open(memory: &Memory) -> Result<Arc<dyn Store>, OpenError> {
    let opened = Machine::Memory(memory.clone()).open(Arc::default(), Arc::new(Inline))?;
    Ok(opened.store())
}

/// Kills the host at each commit of its first start, and opens the store again. Returns what it ends as, and after how many
/// commits.
fn killed_at_every_commit(old: impl Fn() -> Memory) -> (Dump, u64) {
    killed_from(1, old)
}

/// The same of a store of this schema.
fn killed_from(before: u8, old: impl Fn() -> Memory) -> (Dump, u64) {
    let memory = old();
    open(&memory).unwrap();
    let expected = memory.dump();
    let mut commits = 0;
    loop {
        let memory = old();
        memory.faults().fail_after(commits);
        let opened = open(&memory);
        memory.lose_power();
        if opened.is_ok() {
            return (expected, commits);
        }
        assert!(matches!(opened, Err(OpenError::Storage(_))));
        let known = if commits == 0 { before } else { SCHEMA };
        assert_eq!(schema(&memory), [known], "killed after {commits}");
        open(&memory).unwrap();
        assert!(memory.dump() == expected, "killed after {commits}");
        commits += 1;
    }
}

fn body(number: u32) -> usize {
    if number.is_multiple_of(100) {
        2_000
    } else {
        10
    }
}

#[test]
fn a_migration_that_is_killed_anywhere_ends_the_same() {
    let (dump, commits) = killed_at_every_commit(|| old_store(CALLS, body));
    let count = |table| dump.iter().filter(|(name, ..)| *name == table).count();
    assert_eq!(count("calls"), CALLS as usize);
    assert_eq!(count("call_requests"), CALLS as usize / 100);
    assert!(!dump.iter().any(|(_, key, _)| key.contains("\"migration\"")));
    // One that says so, four with a thousand calls at most, and the last.
    assert!(commits >= 5, "{CALLS} calls took {commits} commits");
}

#[test]
fn large_calls_are_moved_a_few_at_a_time() {
    let (dump, commits) = killed_at_every_commit(|| old_store(20, |_| 1 << 20));
    let count = |table| dump.iter().filter(|(name, ..)| *name == table).count();
    assert_eq!((count("calls"), count("call_requests")), (20, 20));
    assert!(commits >= 4, "20 MiB took {commits} commits");
}

#[test]
fn a_migrated_call_is_what_it_was() {
    let memory = old_store(CALLS, body);
    let store = open(&memory).unwrap();
    for number in [0, 1, 999, 1_000, 1_001, CALLS - 100, CALLS - 1] {
        let sending = store.sending(id(number), OperationNumber(number));
        let sending = run(sending).unwrap().unwrap();
        assert_eq!(sending.call, call(number, body(number)));
        assert_eq!(sending.attempts, attempts(number));
    }
    let calls = run(store.calls(None, usize::MAX)).unwrap().calls;
    assert_eq!(calls.len(), CALLS as usize);
    let bounds = Bounds {
        attempts: Some(5),
        until: None,
    };
    assert!(calls.iter().all(|call| call.bounds == bounds));
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_as_it_is() {
    let memory = old_store(3, body);
    memory.change(|rows| set_schema(rows, SCHEMA + 1));
    let before = memory.dump();
    let Err(refused) = open(&memory) else {
        panic!("it was opened");
    };
    assert!(
        matches!(refused, OpenError::Newer { found, known } if (found, known) == (SCHEMA + 1, SCHEMA)),
        "{refused}"
    );
    assert!(memory.dump() == before);
}

/// Puts a row of version 1 in the place of one that this version wrote.
/// Up to version 2 of the row a large body was in it.
#[test]
fn a_large_call_of_schema_7_is_read_as_a_call_with_a_separate_body() {
    let memory = old_store(1, |_| 100_000);
    let store = open(&memory).unwrap();
    let (run_id, operation, call) = (id(0), OperationNumber(0), call(0, 100_000));
    let is_as_it_was = || {
        let sending = run(store.sending(run_id, operation)).unwrap().unwrap();
        let body = run(store.call_body(run_id, operation, sending.attempts)).unwrap();
        let later = Attempts {
            scheduled: sending.attempts.scheduled + 1,
            ..sending.attempts
        };
        let of_later = run(store.call_body(run_id, operation, later)).unwrap();
        assert_eq!((sending.large_body, of_later), (Some(100_000), None));
        assert!(sending.call.request.body.is_empty() && body.as_ref() == Some(&call.request.body));
        assert!(run(store.call(run_id, operation)).unwrap().as_ref() == Some(&call));
    };
    is_as_it_was();
    let key = [Part::Run(&run_id.0), Part::U32(0)];
    memory.change(|rows| {
        assert!(rows.remove(TableId::CallBodies, &key, &mut |_| {}).unwrap());
    });
    make_old(&memory, TableId::CallRequests, &key, &encode_as(2, &call));
    is_as_it_was();
}

fn make_old(memory: &Memory, table: TableId, key: &[Part<'_>], row: &[u8]) {
    memory.change(|rows| assert!(rows.write(table, key, row).unwrap().is_some()));
}

/// The first place of an event in an inbox.
const FIRST_MAIL: u64 = 1 << 32;

/// Returns a run with a request, an event and a result that nobody took, in rows of the first schema.
fn with_untaken(size: usize) -> (World, RunId, [Outcome; 3]) {
    let world = World::new(StoreKind::Memory);
    let Machine::Memory(memory) = world.machine.clone() else {
        panic!("it is in memory");
    };
    let id = world.run_with(vec![wait_event(None), wait(None), wait_event(None)]);
    let text = "x".repeat(size);
    let mut accept = world.request(id, &text);
    accept.id = "request".into();
    accept.limits.bytes = 1 << 20;
    world.send(accept).unwrap();
    assert_eq!(world.notify("e", payload(&text)), [id, id]);
    let mut limits = MAIL;
    limits.bytes = 1 << 20;
    run(world
        .store
        .notify_run(id, "e".into(), payload(&text), limits))
    .unwrap();
    let channels = [
        Channel::Webhook(HOOK),
        Channel::Event("e".into()),
        Channel::Result(OperationNumber(1)),
    ];
    let outcomes = channels.map(|channel| {
        let place = match &channel {
            Channel::Event(_) => FIRST_MAIL,
            _ => 0,
        };
        world.arrival(id, channel, place).unwrap()
    });
    let [Outcome::Delivery(Some(delivery)), ..] = &outcomes else {
        panic!("{outcomes:?}");
    };
    let time = world.now();
    let run_part = Part::Run(&id.0);
    let inbox = [run_part, Part::U32(0), Part::U64(0)];
    make_old(
        &memory,
        TableId::Inbox,
        &inbox,
        &encode::<Delivery>(delivery),
    );
    let mail = [run_part, Part::Text("e"), Part::U64(FIRST_MAIL)];
    let row = encode::<(Time, Payload)>(&(time, payload(&text)));
    make_old(&memory, TableId::Mail, &mail, &row);
    let row = encode::<(Time, Outcome)>(&(time, outcomes[2].clone()));
    for operation in [1, 3] {
        make_old(
            &memory,
            TableId::Results,
            &[run_part, Part::U32(operation)],
            &row,
        );
    }
    memory.change(|rows| {
        set_schema(rows, 1);
        for (table, key) in [
            (TableId::InboxRequests, inbox.as_slice()),
            (TableId::MailPayloads, &mail),
            (TableId::Broadcasts, &[Part::U64(2)]),
            (TableId::EventPayloads, &[Part::U64(2)]),
        ] {
            let is_large = rows.remove(table, key, &mut |_| {}).unwrap();
            assert_eq!(is_large, size > 1_024);
        }
    });
    (world, id, outcomes)
}

/// Returns the versions of the rows of a table.
fn versions(world: &World, table: TableId) -> Vec<u8> {
    let dump = world.opened.dump().into_iter();
    dump.filter(|(name, ..)| *name == table.name())
        .map(|(_, _, row)| row[0])
        .collect()
}

#[test]
fn rows_that_no_migration_touches_are_read_as_they_are_and_taken() {
    for size in [10, 5_000] {
        let (mut world, id, outcomes) = with_untaken(size);
        world.reopen();
        assert_eq!(versions(&world, TableId::Inbox), [1]);
        assert_eq!(versions(&world, TableId::Mail), [1]);
        assert_eq!(versions(&world, TableId::Results), [1, 1]);
        let recalled = run(world.store.run_to_continue(id)).unwrap().unwrap();
        assert_eq!(recalled.heads.len(), 4);
        assert!(
            recalled
                .heads
                .iter()
                .all(|(_, head)| head.accepted == Time(1_000))
        );
        let [delivery, mail, event] = outcomes;
        let channels = [
            (2, Channel::Webhook(HOOK), delivery),
            (1, Channel::Result(OperationNumber(1)), event),
        ];
        for (number, (operation, channel, outcome)) in (1..).zip(channels) {
            assert_eq!(world.arrival(id, channel.clone(), 0), Some(outcome.clone()));
            let source = Source::Arrival { channel, place: 0 };
            let taken = activation(world.now(), Some((operation, outcome, source)), vec![]);
            world.commit(id, number, taken).unwrap();
        }
        assert_eq!(world.keys("inbox"), [""; 0]);
        assert_eq!(run(world.store.inbox_bytes()).unwrap(), 0);
        assert_eq!(world.keys("results").len(), 1);
        // The event aimed at the run is for its next wait, and its size counts no more when that has it.
        let dropped = Kind::Abandon {
            operations: vec![OperationNumber(3)],
            dropped: true,
        };
        let next = activation(world.now(), None, vec![dropped, wait_event(None)]);
        world.commit(id, 3, next).unwrap();
        let channel = Channel::Event("e".into());
        let mail_item = world.arrival(id, channel.clone(), FIRST_MAIL);
        assert_eq!(mail_item, Some(mail.clone()));
        let source = Source::Arrival {
            channel,
            place: FIRST_MAIL,
        };
        let taken = activation(world.now(), Some((5, mail, source)), vec![]);
        world.commit(id, 4, taken).unwrap();
        assert_eq!(
            (world.keys("mail").len(), world.keys("results").len()),
            (0, 0)
        );
        assert_eq!((world.due(), world.state(id).ready), (vec![], 0));
        let mut limits = MAIL;
        limits.bytes = size as u64;
        let text = "x".repeat(size);
        let aimed = run(world
            .store
            .notify_run(id, "e".into(), payload(&text), limits));
        assert_eq!(aimed.unwrap(), AimedNotified::Queued, "there is room again");
        // What comes next is of this version.
        world.accept(id, "new");
        assert_eq!(versions(&world, TableId::Inbox), [2]);
    }
}

/// Returns a store of schema 4, which did not count runs, with this many pending runs.
fn uncounted_store(runs: u32) -> Memory {
    let world = World::new(StoreKind::Memory);
    let Machine::Memory(memory) = world.machine.clone() else {
        panic!("it is in memory");
    };
    world.start();
    let dump = memory.dump().into_iter();
    let mut rows = dump.filter(|(table, ..)| *table == "runs");
    let (_, _, row) = rows.next().unwrap();
    memory.change(|rows| {
        set_schema(rows, 4);
        let counted = [Part::Text("runs of w")];
        assert!(rows.remove(TableId::Meta, &counted, &mut |_| {}).unwrap());
        for number in 1..runs {
            let run = id(number);
            rows.write(TableId::Runs, &[Part::Run(&run.0)], &row)
                .unwrap();
        }
    });
    memory
}

#[test]
fn runs_are_counted_by_a_migration_that_may_be_killed_anywhere() {
    const RUNS: u32 = 20_500;
    let (_, commits) = killed_from(4, || uncounted_store(RUNS));
    assert!(commits >= 4, "{RUNS} runs took {commits} commits");
    let memory = uncounted_store(RUNS);
    let store = open(&memory).unwrap();
    let counts = run(store.counts(None)).unwrap();
    assert_eq!(counts, [(Status::Pending, RUNS.into())].into());
}

#[test]
fn the_runs_of_schema_4_are_counted() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/store-schema-4/dormouse.redb"
    );
    let disk = TestDisk::with(&std::fs::read(path).unwrap());
    let opened = open_on(Arc::new(disk), Arc::default()).unwrap();
    let all = RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    };
    let runs = run(opened.store().runs(all)).unwrap().runs;
    let mut workflows = std::collections::BTreeSet::new();
    for view in &runs {
        workflows.insert(view.run.workflow.clone());
    }
    assert!(!workflows.is_empty());
    for workflow in workflows {
        let mut expected = BTreeMap::<Status, u64>::new();
        for view in runs.iter().filter(|view| view.run.workflow == workflow) {
            *expected.entry(view.state.status).or_default() += 1;
        }
        let found = run(opened.store().counts(Some(workflow.clone()))).unwrap();
        assert_eq!(found, expected, "{workflow}");
    }
}

#[test]
fn the_store_of_0_1_0_is_migrated_and_read() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fixtures/store-0.1.0/dormouse.redb"
    );
    let disk = TestDisk::with(&std::fs::read(path).unwrap());
    let opened = open_on(Arc::new(disk.clone()), Arc::default()).unwrap();
    let store = opened.store();
    let query = RunQuery {
        limit: 1_000,
        ..RunQuery::default()
    };
    let runs = run(store.runs(query)).unwrap().runs;
    assert!(!runs.is_empty());
    for view in &runs {
        let shown = run(store.show(view.id, usize::MAX)).unwrap().unwrap();
        assert!(run(store.input(view.id)).unwrap().is_some());
        let journal = run(store.journal(view.id, 0, usize::MAX)).unwrap();
        assert_eq!(journal.activations.len(), view.state.activations as usize);
        for webhook in run(store.webhooks(view.id, 100)).unwrap().unwrap() {
            let channel_items =
                run(store.channel_items(view.id, Channel::Webhook(webhook.number))).unwrap();
            assert_eq!(channel_items.len(), webhook.webhook.queued as usize);
        }
        for (number, open) in shown.open {
            let is_call = matches!(open.kind, Kind::Call { .. });
            let channel = Channel::Result(number);
            let has_result = run(store.arrival(view.id, channel, 0)).unwrap().is_some();
            let sending = run(store.sending(view.id, number)).unwrap();
            assert_eq!(sending.is_some(), is_call && !has_result && !open.abandoned);
        }
    }
    let dump = opened.dump().unwrap();
    let pages = runs.iter().map(|view| (view.id, &view.state));
    check_storage(&dump, pages);
    let calls = dump.iter().filter(|(table, ..)| *table == "calls");
    assert!(
        calls.into_iter().all(|(_, _, row)| row[0] > 1),
        "a call was left"
    );
    drop((store, opened));
    let again = open_on(Arc::new(disk), Arc::default()).unwrap();
    assert!(again.dump().unwrap() == dump, "it was migrated twice");
}
