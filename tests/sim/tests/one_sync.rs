//! A request and what its run decides on it are made durable by one sync, and so are a start and how far it comes.

use dormouse_runtime::{Received, Runtime, Settings};
use dormouse_sim::{Operation, World};
use serde_json::json;

/// How often the disk was synced for this and for all that follows from it at once.
fn syncs(world: &World, what: impl FnOnce()) -> usize {
    let count = || {
        let log = world.disk().log();
        log.iter()
            .filter(|operation| **operation == Operation::Sync)
            .count()
    };
    let before = count();
    what();
    world.pass(100);
    count() - before
}

fn each_takes_one_sync(world: &World, host: &Runtime) {
    let script = json!({"seq": [
        {"webhook": "a"},
        {"webhook": "b", "options": {"reply": {"from-workflow": 10_000}}},
        {"wait": "a", "ms": null},
        {"wait": "b", "ms": null},
        {"respond": {"status": 201, "body": "yes"}},
        {"wait": "a", "ms": null},
    ]});
    let mut started = None;
    let start = syncs(world, || {
        started = Some(world.start(host, "script", &script));
    });
    let run = started.unwrap();
    let webhooks = host.read().unwrap().webhooks(run).unwrap();
    let (a, b) = (&webhooks[0].url, &webhooks[1].url);
    let wake = syncs(world, || {
        world.post(host, a, &[], "one").unwrap();
    });
    let answer = syncs(world, || {
        let received = world.post(host, b, &[], "two").unwrap();
        assert!(
            matches!(received, Received::Answered { ref response, .. } if response.status == 201),
            "{received:?}"
        );
    });
    let end = syncs(world, || {
        world.post(host, a, &[], "three").unwrap();
    });
    world.finish(host, run);
    assert_eq!([start, wake, answer, end], [1; 4]);
}

#[test]
fn of_a_run_whose_instance_is_kept() {
    let (world, host) = World::with_script(3, |_: &mut Settings| {});
    each_takes_one_sync(&world, &host);
}

#[test]
fn of_a_run_that_is_replayed() {
    let (world, host) = World::with_script(3, |settings| settings.limits.warm_memory = 0);
    each_takes_one_sync(&world, &host);
}
