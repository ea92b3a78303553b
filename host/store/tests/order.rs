//! The order of commits, in a memory that chooses one at random: writes of different runs may be reordered, and those
//! of one run never are.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use dormouse_store::{Accepted, Decided, Started, Written};
use futures::future::join_all;

use crate::commits::Later;
use crate::support::{Inline, Machine, StoreKind, World, run, wait};

/// What was applied, in its order.
type Applied = Arc<Mutex<Vec<&'static str>>>;

fn note<T>(applied: &Applied, name: &'static str) -> Decided<T> {
    let applied = applied.clone();
    Box::new(move |_| {
        applied.lock().unwrap().push(name);
        None
    })
}

/// Applies requests to two runs, a start with a key between them, and more requests. A start with a key may concern any run.
fn applied(seed: u64) -> Vec<&'static str> {
    let machine = Machine::new(StoreKind::Memory);
    let world = World::on(machine.clone(), Arc::new(Inline));
    let [a, b] = [(); 2].map(|()| world.run_with(vec![wait(None)]));
    if let Machine::Memory(memory) = &machine {
        memory.faults().reorder(seed);
    }
    let later = Arc::new(Later::default());
    let opened = machine.open(world.clock.clone(), later.clone()).unwrap();
    let (store, applied) = (opened.store(), Applied::default());
    let accept = |id, name: &'static str| -> Written<Accepted> {
        store.accept(world.request(id, name), note(&applied, name))
    };
    let before = [
        accept(a, "a1"),
        accept(b, "b1"),
        accept(a, "a2"),
        accept(b, "b2"),
    ];
    let mut start = world.new_start();
    start.idempotency_key = Some("key".into());
    let start: Written<Started> = store.start_run(start, note(&applied, "start"));
    let after = [accept(a, "a3"), accept(b, "b3")];
    later.now();
    assert!(matches!(run(start), Ok(Started::New { .. })));
    for accepted in run(join_all(before.into_iter().chain(after))) {
        assert!(
            matches!(accepted, Ok(Accepted::Queued { .. })),
            "{accepted:?}"
        );
    }
    std::mem::take(&mut *applied.lock().unwrap())
}

#[test]
fn writes_of_one_run_keep_their_order_and_all_keep_theirs_to_what_may_concern_any() {
    let mut orders = BTreeSet::new();
    for seed in 0..100 {
        let order = applied(seed);
        assert_eq!(order.len(), 7);
        let place = |name| order.iter().position(|applied| *applied == name).unwrap();
        assert!(place("a1") < place("a2"), "{order:?}");
        assert!(place("b1") < place("b2"), "{order:?}");
        assert_eq!(place("start"), 4, "{order:?}");
        orders.insert(order);
    }
    // Six for the four before the start, and two for those after it.
    assert_eq!(orders.len(), 12);
}
