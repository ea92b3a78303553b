//! A request and the decisions of its run become durable by one sync, and so do a start and the first activation
//! of the run.

use dormouse_runtime::{Received, Runtime, Settings};
use dormouse_sim::{StoreKind, World, on_both};
use serde_json::json;

/// Returns the number of commits that this act takes, with everything that follows at once.
fn syncs(world: &World, host: &Runtime, what: impl FnOnce()) -> u64 {
    let before = (host.commits().groups, world.disk_syncs());
    what();
    world.pass(100);
    let commits = host.commits().groups - before.0;
    // A commit is one sync of the disk, if the store is on one.
    if let (Some(before), Some(now)) = (before.1, world.disk_syncs()) {
        assert_eq!(now - before, commits);
    }
    commits
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
    let start = syncs(world, host, || {
        started = Some(world.start(host, "script", &script));
    });
    let run = started.unwrap();
    let webhooks = world.reading().webhooks(run).unwrap();
    let (a, b) = (&webhooks[0].url, &webhooks[1].url);
    let wake = syncs(world, host, || {
        world.post(host, a, &[], "one").unwrap();
    });
    let answer = syncs(world, host, || {
        let received = world.post(host, b, &[], "two").unwrap();
        assert!(
            matches!(received, Received::Answered { ref response, .. } if response.status == 201),
            "{received:?}"
        );
    });
    let end = syncs(world, host, || {
        world.post(host, a, &[], "three").unwrap();
    });
    world.finish(host, run);
    assert_eq!([start, wake, answer, end], [1; 4]);
}

fn of_a_run_whose_instance_is_kept(store_kind: StoreKind) {
    let (world, host) = World::with_script(store_kind, 3, |_: &mut Settings| {});
    each_takes_one_sync(&world, &host);
}

fn of_a_run_that_is_replayed(store_kind: StoreKind) {
    let (world, host) =
        World::with_script(store_kind, 3, |settings| settings.limits.warm_memory = 0);
    each_takes_one_sync(&world, &host);
}

on_both! {
    of_a_run_whose_instance_is_kept,
    of_a_run_that_is_replayed,
}
