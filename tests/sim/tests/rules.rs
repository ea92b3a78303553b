//! The rules of waiting, in simulated time: with the instance kept warm, with it dropped after every activation, and
//! with a crash in between.

use dormouse_journal::{RunId, Status};
use dormouse_runtime::{Received, Refusal, Runtime, Settings};
use dormouse_sim::{StoreKind, World, on_both};
use serde_json::{Value, json};

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

fn world(store_kind: StoreKind, change: impl FnOnce(&mut Settings)) -> (World, Runtime) {
    World::with_script(store_kind, 3, change)
}

fn cold(settings: &mut Settings) {
    settings.limits.warm_memory = 0;
}

fn warm(_: &mut Settings) {}

fn hook_then(steps: &[Value]) -> Value {
    let mut all = vec![json!({"webhook": "a"})];
    all.extend_from_slice(steps);
    json!({ "seq": all })
}

/// Returns the bodies that the waits of a result got, in order.
fn bodies(result: &Value) -> Vec<Option<String>> {
    let body = |delivery: &Value| {
        let encoded = delivery["body"].as_str()?;
        // The tests send single letters, whose base64 texts differ in their first two characters.
        ["a", "b", "c"]
            .into_iter()
            .find(|letter| encoded == base64(letter))
            .map(str::to_owned)
    };
    result.as_array().unwrap()[1..].iter().map(body).collect()
}

fn base64(letter: &str) -> &'static str {
    match letter {
        "a" => "YQ==",
        "b" => "Yg==",
        _ => "Yw==",
    }
}

fn letters(letters: &[Option<&str>]) -> Vec<Option<String>> {
    letters
        .iter()
        .map(|letter| letter.map(str::to_owned))
        .collect()
}

fn a_request_a_millisecond_before_the_deadline_is_delivered_and_one_at_it_is_not(
    store_kind: StoreKind,
) {
    for change in [warm, cold] {
        for (after, first) in [(999, Some("a")), (1_000, None), (1_001, None)] {
            let (world, host) = world(store_kind, change);
            let script = hook_then(&[
                json!({"wait": "a", "ms": 1_000}),
                json!({"wait": "a", "ms": null}),
            ]);
            let run = world.start(&host, "script", &script);
            // The search for the URL takes the first millisecond.
            let url = world.url(run);
            world.pass(after - 1);
            world.post(&host, &url, &[], "a").unwrap();
            let mut second = "a";
            if first.is_some() {
                world.post(&host, &url, &[], "b").unwrap();
                second = "b";
            }
            assert_eq!(
                bodies(&world.result(&host, run)),
                letters(&[first, Some(second)]),
                "{after} ms"
            );
        }
    }
}

fn downtime_does_not_move_a_deadline_nor_lose_what_came_before_it(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let script = hook_then(&[
        json!({"wait": "a", "ms": 1_000}),
        json!({"wait": "a", "ms": 1_000}),
        json!({"now": true}),
    ]);
    let begun = {
        let run = world.start(&host, "script", &script);
        let url = world.url(run);
        world.pass(100);
        (run, url)
    };
    world.crash(host, 10_000);
    let host = world.host();
    world.pass(10);
    let (run, url) = begun;
    // The first wait ended while the host was down. This request comes in the time of the second wait.
    world.post(&host, &url, &[], "a").unwrap();
    let result = world.result(&host, run);
    assert_eq!(bodies(&result)[..2], letters(&[None, Some("a")]));
}

fn the_wait_that_lost_a_race_leaves_its_request_to_the_next(store_kind: StoreKind) {
    for change in [warm, cold] {
        let (world, host) = world(store_kind, change);
        let race = json!({"race": [{"wait": "a", "ms": null}, {"sleep": 1_000}]});
        let run = world.start(
            &host,
            "script",
            &hook_then(&[race, json!({"wait": "a", "ms": null})]),
        );
        let url = world.url(run);
        world.pass(2_000);
        world.post(&host, &url, &[], "a").unwrap();
        let result = world.result(&host, run);
        assert_eq!(result[1], json!(["lost", null]));
        assert_eq!(bodies(&result)[1], Some("a".into()));
    }
}

fn the_wait_that_was_given_up_ends_and_leaves_its_request_to_the_next(store_kind: StoreKind) {
    for change in [warm, cold] {
        let (world, host) = world(store_kind, change);
        let given_up = json!({"wait": "a", "ms": 600_000, "as": "given up"});
        let later = json!({"seq": [{"sleep": 1_000}, {"abandon": "given up"}]});
        let run = world.start(
            &host,
            "script",
            &hook_then(&[
                json!({"join": [given_up, later]}),
                json!({"wait": "a", "ms": null}),
            ]),
        );
        let url = world.url(run);
        world.pass(2_000);
        world.post(&host, &url, &[], "a").unwrap();
        let result = world.result(&host, run);
        assert_eq!(result[1], json!([null, [null, null]]));
        assert_eq!(bodies(&result)[1], Some("a".into()));
    }
}

fn a_sleep_until_ends_at_its_instant_or_at_once_when_that_has_passed(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let instant = world.now().after(60_000).0;
    let sleeps = json!({"seq": [{"sleep-until": instant}, {"now": true}, {"sleep-until": 1}, {"now": true}]});
    let runs = [0, 1].map(|_| world.start(&host, "script", &sleeps));
    world.pass(1_000);
    world.crash(host, 10_000);
    let host = world.host();
    for run in runs {
        assert_eq!(
            world.result(&host, run),
            json!([null, instant, null, instant])
        );
    }
}

fn a_clock_that_is_set_moves_no_span(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let begun = world.now();
    let script = hook_then(&[
        json!({"sleep": 60_000}),
        json!({"wait": "a", "ms": 60_000}),
        json!({"now": true}),
    ]);
    let run = world.start(&host, "script", &script);
    world.pass(1_000);
    world.set_date(HOUR);
    world.pass(5_000);
    world.set_date(-2 * HOUR);
    world.pass(5_000);
    world.crash(host, 10_000);
    let host = world.host();
    world.set_date(9_000 * HOUR);
    world.pass(5_000);
    world.set_date(-9_000 * HOUR);
    let result = world.result(&host, run);
    assert_eq!(world.now(), begun.after(120_000));
    let read = result.as_array().and_then(|read| read.last()?.as_u64());
    // The clock was an hour behind for less than two minutes, and dates made up 500 ppm of that time.
    let read = read.unwrap();
    assert!(
        (119_900..=120_000).contains(&(read - begun.0)),
        "{read} {begun:?}"
    );
}

fn a_date_follows_a_clock_that_is_ahead_for_a_minute(store_kind: StoreKind) {
    for change in [warm, cold] {
        let (world, host) = world(store_kind, change);
        let instant = world.now().after(HOUR.unsigned_abs()).0;
        let script = json!({"seq": [{"sleep-until": instant}, {"now": true}, {"sleep": 1_000}, {"now": true}]});
        let run = world.start(&host, "script", &script);
        world.pass(1_000);
        world.set_date(2 * HOUR);
        let set = world.now();
        let result = world.result(&host, run);
        let took = world.now().0 - set.0;
        assert!((60_000..75_000).contains(&took), "{took}");
        let times: Vec<u64> = [1, 3]
            .iter()
            .map(|at| result[at].as_u64().unwrap())
            .collect();
        assert!(times[0] >= set.0 + 2 * HOUR.unsigned_abs() && times[1] - times[0] >= 1_000);
    }
}

fn a_date_is_not_early_by_a_clock_that_was_set_back(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let instant = world.now().after(HOUR.unsigned_abs()).0;
    let script = json!({"seq": [{"sleep-until": instant}, {"now": true}]});
    let run = world.start(&host, "script", &script);
    world.set_date(-HOUR);
    let begun = world.now();
    let result = world.result(&host, run);
    assert!(result[1].as_u64().unwrap() >= instant);
    // 500 ppm of an hour are 1.8 s.
    let late = world.now().0 - begun.0 - HOUR.unsigned_abs();
    assert!((1_700..=1_900).contains(&late), "{late}");
}

fn after_another_boot_time_goes_on_from_where_it_was(store_kind: StoreKind) {
    // If the date is earlier than before, the host cannot know how long it was down, or how much time passed since its
    // last commit.
    for (set, left) in [(0, 49_000), (-HOUR, 60_000)] {
        let (world, host) = world(store_kind, warm);
        let run = world.start(&host, "script", &json!({"seq": [{"sleep": 60_000}]}));
        world.pass(1_000);
        world.crash(host, 10_000);
        world.boot();
        world.set_date(set);
        let host = world.host();
        let begun = world.now();
        world.result(&host, run);
        assert_eq!(world.now().0 - begun.0, left, "set by {set}");
    }
}

fn waits_at_once_are_served_in_the_order_made(store_kind: StoreKind) {
    for change in [warm, cold] {
        let (world, host) = world(store_kind, change);
        let wait = json!({"wait": "a", "ms": null});
        let run = world.start(
            &host,
            "script",
            &hook_then(&[json!({"join": [wait, wait, wait]})]),
        );
        let url = world.url(run);
        for body in ["a", "b", "c"] {
            world.post(&host, &url, &[], body).unwrap();
        }
        let result = world.result(&host, run);
        let joined: Vec<&str> = result[1]
            .as_array()
            .unwrap()
            .iter()
            .map(|delivery| delivery["body"].as_str().unwrap())
            .collect();
        assert_eq!(joined, ["YQ==", "Yg==", "Yw=="]);
    }
}

fn more_runs_than_instances_queue_and_all_end(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let script = json!({"seq": [{"sleep": 1_000}, {"sleep": 1_000}]});
    let runs: Vec<RunId> = (0..200)
        .map(|_| world.start(&host, "script", &script))
        .collect();
    for run in runs {
        assert_eq!(world.result(&host, run), json!([null, null]));
    }
}

/// A guest with a script takes a little over one mebibyte, so there is memory for three at once. Their limit is far
/// larger than the budget, so an instance that found no memory waits for the whole budget.
fn more_runs_than_memory_has_room_for_take_turns_and_all_end(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| {
        settings.limits.memory_budget = 6 << 20;
    });
    let script = hook_then(&[json!({"sleep": 1_000}), json!({"wait": "a", "ms": null})]);
    let runs: Vec<RunId> = (0..40)
        .map(|_| world.start(&host, "script", &script))
        .collect();
    world.pass(2_000);
    for run in &runs {
        world.post(&host, &world.url(*run), &[], "a").unwrap();
    }
    for run in runs {
        let result = world.result(&host, run);
        assert_eq!(bodies(&result).last(), Some(&Some("a".into())));
    }
}

/// An activation that makes more operations than the host has memory for would find none however often it is executed.
fn a_run_that_needs_more_memory_than_a_run_may_have_is_blocked(store_kind: StoreKind) {
    let (world, host) = world(store_kind, |settings| {
        settings.limits.memory_budget = 6 << 20;
        settings.limits.cpu = 3_600_000;
    });
    let steps = json!({"repeat": 20_000, "do": {"step": "a step", "value": 1}});
    let run = world.start(&host, "script", &json!({"seq": [steps, {"sleep": 1}]}));
    world.pass(1_000);
    assert_eq!(world.status(run), Status::Blocked);
    let state = world.reading().state(run).unwrap().unwrap();
    assert!(!state.is_broken, "the run itself made no mistake");
    let failure = state.failure.unwrap();
    assert_eq!(failure.code, "memory-budget");
    for says in ["3145728 bytes", "1048576 bytes", "`memory-budget`"] {
        assert!(failure.message.contains(says), "{failure:?}");
    }
    // Nothing is reserved for it any more, and others go on.
    let other = world.start(&host, "script", &json!({"sleep": 1}));
    world.pass(1_000);
    assert_eq!(world.status(other), Status::Completed);
}

fn a_closed_webhook_takes_nothing_more(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let script = hook_then(&[
        json!({"sleep": 1_000}),
        json!({"close": "a"}),
        json!({"wait": "a", "ms": 1_000}),
    ]);
    let run = world.start(&host, "script", &script);
    let url = world.url(run);
    assert!(matches!(
        world.post(&host, &url, &[], "a"),
        Ok(Received::Accepted { .. })
    ));
    world.pass(1_500);
    let closed = world.post(&host, &url, &[], "b");
    assert!(matches!(closed, Err(Refusal::Gone)), "{closed:?}");
    let result = world.result(&host, run);
    assert_eq!(
        bodies(&result)[2],
        Some("a".into()),
        "what was queued can still be waited for"
    );
    let ended = world.post(&host, &url, &[], "c");
    assert!(matches!(ended, Err(Refusal::Gone)), "{ended:?}");
}

fn an_event_reaches_a_run_that_waits_and_is_gone_for_one_that_does_not(store_kind: StoreKind) {
    let (world, host) = world(store_kind, warm);
    let waiting = world.start(&host, "script", &json!({"event": "e", "ms": null}));
    let late = world.start(
        &host,
        "script",
        &json!({"seq": [{"sleep": 1_000}, {"event": "e", "ms": 1_000}]}),
    );
    world.pass(10);
    let sender = world.start(
        &host,
        "script",
        &json!({"notify": "e", "run": null, "body": 7}),
    );
    assert_eq!(world.result(&host, sender), json!(1));
    assert_eq!(world.result(&host, waiting)["body"], json!("Nw=="));
    assert_eq!(world.result(&host, late), json!([null, null]));
}

fn code_that_does_not_fit_its_journal_blocks_the_run_until_the_right_code_is_back(
    store_kind: StoreKind,
) {
    let (world, host) = world(store_kind, warm);
    let run = world.start(
        &host,
        "script",
        &hook_then(&[json!({"wait": "a", "ms": null})]),
    );
    let other = world.start(&host, "script", &json!({"sleep": 5_000}));
    let url = world.url(run);
    world.run(host.stop());
    world.exchange_component(host, "script", "progress");

    let host = world.host();
    world.post(&host, &url, &[], "a").unwrap();
    world.pass(100);
    assert_eq!(world.status(run), Status::Blocked);
    let state = world.reading().state(run).unwrap().unwrap();
    let failure = state.failure.unwrap();
    assert_eq!(failure.code, "replay-mismatch");
    assert!(
        failure.message.contains("create-webhook \"a\""),
        "what was recorded: {}",
        failure.message
    );
    assert!(
        matches!(
            world.post(&host, &url, &[], "b"),
            Ok(Received::Accepted { .. })
        ),
        "its webhooks stay open"
    );
    world.run(host.stop());
    world.exchange_component(host, "script", "script");

    let host = world.host();
    let result = world.result(&host, run);
    assert_eq!(bodies(&result), letters(&[Some("a")]));
    assert_eq!(world.result(&host, other), Value::Null);
}

on_both! {
    a_request_a_millisecond_before_the_deadline_is_delivered_and_one_at_it_is_not,
    downtime_does_not_move_a_deadline_nor_lose_what_came_before_it,
    the_wait_that_lost_a_race_leaves_its_request_to_the_next,
    the_wait_that_was_given_up_ends_and_leaves_its_request_to_the_next,
    a_clock_that_is_set_moves_no_span,
    a_date_follows_a_clock_that_is_ahead_for_a_minute,
    a_date_is_not_early_by_a_clock_that_was_set_back,
    after_another_boot_time_goes_on_from_where_it_was,
    a_sleep_until_ends_at_its_instant_or_at_once_when_that_has_passed,
    waits_at_once_are_served_in_the_order_made,
    more_runs_than_instances_queue_and_all_end,
    more_runs_than_memory_has_room_for_take_turns_and_all_end,
    a_run_that_needs_more_memory_than_a_run_may_have_is_blocked,
    a_closed_webhook_takes_nothing_more,
    an_event_reaches_a_run_that_waits_and_is_gone_for_one_that_does_not,
    code_that_does_not_fit_its_journal_blocks_the_run_until_the_right_code_is_back,
}
