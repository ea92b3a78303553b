//! The power fails at every place of a story in which a run, its workflow and the host are paused and resumed. The
//! story ends as if the power had not failed.

use dormouse_journal::json_payload;
use dormouse_sim::guest;
use dormouse_store::Pausable;
use serde_json::{Value, json};

use crate::teller::{Story, Teller, crash_at_every_commit, crash_at_every_seventh_operation};

fn workflow() -> Pausable {
    Pausable::Workflow("script".into())
}

fn pause(teller: &mut Teller, what: &Pausable) {
    teller.insist(|world, host| world.run(host.pause(what.clone())).ok());
}

fn resume(teller: &mut Teller, what: &Pausable) {
    teller.insist(|world, host| world.run(host.unpause(what.clone())).ok());
}

/// Lets simulated time pass, during which the host may be lost.
fn pass(teller: &mut Teller) {
    let mut looks = 0;
    teller.insist(|_, _| {
        looks += 1;
        (looks > 200).then_some(())
    });
}

fn tell(teller: &mut Teller) -> Value {
    let script = json!({"seq": [
        {"join": [{"sleep": 2_000}, {"sleep": 3_000}, {"call": {"url": "http://service.example/", "attempts": 3}}]},
        {"start": {"workflow": "script", "input": {"step": "s", "value": 7}}, "as": "child"},
        {"await-run": "child"},
    ]});
    teller.insist(|world, host| world.run(host.deploy("script", guest("script"))).ok());
    let run = teller.start("script", &json_payload(script.to_string()));
    let activations = |teller: &mut Teller| {
        teller.insist(|world, _| Some(world.reading().state(run).ok()??.activations))
    };
    teller.insist(|world, _| {
        let state = world.reading().state(run).ok()??;
        (state.activations > 0).then_some(())
    });
    pause(teller, &workflow());
    let before = activations(teller);
    pass(teller);
    assert_eq!(activations(teller), before, "nothing of it is executed");
    pause(teller, &Pausable::Host);
    pause(teller, &Pausable::Run(run));
    resume(teller, &workflow());
    pass(teller);
    resume(teller, &Pausable::Host);
    pass(teller);
    assert_eq!(activations(teller), before, "it is still paused by itself");
    resume(teller, &Pausable::Run(run));
    let output = teller.insist(|world, _| world.reading().output(run).ok()?);
    let output: Value = serde_json::from_slice(&output.body).unwrap();
    json!({"child": output[2], "activations": activations(teller)})
}

fn check(teller: &Teller) {
    assert_eq!(teller.world.reading().runs().unwrap().len(), 2);
}

const STORY: Story = Story { tell, check };

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_loses_no_paused_work() {
    crash_at_every_seventh_operation(&STORY);
}

#[test]
fn a_crash_at_every_commit_loses_no_paused_work() {
    crash_at_every_commit(&STORY);
}
