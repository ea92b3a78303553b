//! Labels of runs, and the index that follows from them.

use dormouse_journal::{GuestLimits, Label, Labels, Payload, RunId, VersionId, encode_as};
use dormouse_store::TableId;
use dormouse_store::rows::Part;

use crate::on_both_grounds;
use crate::support::storage::check_storage;
use crate::support::{
    Machine, RETENTION, StoreKind, World, activation, last_activation, run, wait_event,
};

on_both_grounds! {
    the_index_has_the_labels_of_the_runs_that_are_there,
    a_run_labels_itself_in_the_commit_of_its_activation,
}

pub(crate) fn labels(texts: &[&str]) -> Labels {
    let mut labels = Labels::default();
    for text in texts {
        labels.set(text.parse().unwrap()).unwrap();
    }
    labels
}

/// Starts a run that has these labels.
pub(crate) fn start_labelled(world: &World, texts: &[&str]) -> RunId {
    let mut start = world.new_start();
    start.labels = labels(texts);
    let id = start.run;
    world.begin(start).unwrap();
    id
}

fn the_index_has_the_labels_of_the_runs_that_are_there(store_kind: StoreKind) {
    let world = World::new(store_kind);
    let first = start_labelled(&world, &["a:1", "b:x:y"]);
    let second = start_labelled(&world, &["a:1"]);
    let key = |label: &str, id: RunId| format!("{:?}", [Part::Text(label), Part::Run(&id.0)]);
    assert_eq!(
        world.keys("runs_by_label"),
        [key("a:1", first), key("a:1", second), key("b:x:y", first)]
    );
    let view = world.view(first).unwrap();
    assert_eq!(view.run.labels, labels(&["a:1", "b:x:y"]));
    check_storage(
        &world.opened.dump(),
        [&view, &world.view(second).unwrap()].map(|view| (view.id, &view.state)),
    );
    run(world
        .store
        .cancel(first, dormouse_journal::CancelOptions::default(), RETENTION))
    .unwrap();
    run(world.store.delete_run(first)).unwrap();
    assert_eq!(world.keys("runs_by_label"), [key("a:1", second)]);
    run(world
        .store
        .cancel(second, dormouse_journal::CancelOptions::default(), 1))
    .unwrap();
    world.at(10_000);
    world.retire();
    assert_eq!(world.keys("runs_by_label"), [""; 0]);
}

fn a_run_labels_itself_in_the_commit_of_its_activation(store_kind: StoreKind) {
    let mut world = World::new(store_kind);
    let id = start_labelled(&world, &["a:1", "b:1"]);
    let commit = |world: &World, number, texts: &[&str]| {
        let mut new = activation(world.now(), None, vec![wait_event(None)]);
        new.labels = labels(texts);
        world.commit(id, number, new)
    };
    let check = |world: &World, expected: &[&str]| {
        let view = world.view(id).unwrap();
        assert_eq!(view.run.labels, labels(expected));
        let keys = expected
            .iter()
            .map(|label| [Part::Text(label), Part::Run(&id.0)]);
        let keys: Vec<String> = keys.map(|key| format!("{key:?}")).collect();
        assert_eq!(world.keys("runs_by_label"), keys);
        check_storage(&world.opened.dump(), [(view.id, &view.state)]);
    };
    commit(&world, 0, &["b:2", "c:3"]).unwrap();
    check(&world, &["a:1", "b:2", "c:3"]);
    // An activation that is refused sets nothing.
    commit(&world, 0, &["a:9"]).unwrap_err();
    check(&world, &["a:1", "b:2", "c:3"]);
    commit(&world, 1, &["c:3"]).unwrap();
    check(&world, &["a:1", "b:2", "c:3"]);
    world.reopen();
    check(&world, &["a:1", "b:2", "c:3"]);
    let mut last = last_activation(world.now(), None);
    last.labels = labels(&["a:4"]);
    world.commit(id, 2, last).unwrap();
    check(&world, &["a:4", "b:2", "c:3"]);
}

#[test]
fn a_run_of_an_earlier_version_has_no_labels() {
    let world = World::new(StoreKind::Memory);
    let Machine::Memory(memory) = &world.machine else {
        panic!("it is in memory");
    };
    let id = world.start();
    let now = world.view(id).unwrap().run;
    let limits = GuestLimits {
        memory: 1,
        stack: 1,
    };
    let of_version_3 = (
        (
            "w",
            VersionId::of(b"component"),
            now.created,
            [0u8; 32],
            limits,
        ),
        (Vec::<(String, Vec<u8>)>::new(), Some(RunId([7; 16]))),
        (Some(Payload::default()), Some(0u64)),
    );
    memory.change(|rows| {
        let key = [Part::Run(&id.0)];
        let row = encode_as(3, &of_version_3);
        rows.write(TableId::Runs, &key, &row).unwrap();
    });
    let read = world.view(id).unwrap().run;
    assert_eq!(read.restarted, Some(RunId([7; 16])));
    assert_eq!(read.labels, Labels::default());
    assert_eq!((read.workflow, read.version), (now.workflow, now.version));
}

#[test]
fn a_label_is_found_by_its_whole_text() {
    let labels = labels(&["a:1"]);
    let has = |text: &str| labels.has(&text.parse::<Label>().unwrap());
    assert!(has("a:1"));
    assert!(!has("a:") && !has("a:11") && !has("a:1:"));
}
