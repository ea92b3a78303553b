mod common;
use common::*;
use dormouse_journal::*;
use serde_json::json;
#[test]
fn smoke() {
    let mut run = Run::script(json!({"seq":[{"webhook":"a"},{"sleep":5},{"log":"hi"},{"race":[{"wait":"a","ms":null},{"sleep":7}]},{"random":4},{"now":true}]}));
    run.start();
    println!("{:#?}", run.last());
    run.complete(1005, 1, Outcome::Slept);
    println!("{:#?}", run.last());
    run.evict();
    run.complete(1012, 3, Outcome::Slept);
    println!("{:#?}", run.last());
    println!("{:?}", run.output());
}
