use crate::harness::*;
use crate::core_guest::*;
use dormouse_journal::*;
use serde_json::json;
#[test]
fn smoke() {
    let p = run(&format!("{SLEEP} {RETURN} {WAIT}"));
    let mut run = Run::of(p, || launch(Payload::default()));
    run.start();
    println!("{:#?}", run.last());
}
