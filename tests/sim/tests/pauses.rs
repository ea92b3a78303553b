//! The power fails at every place of a scenario in which a run, its workflow and the host are paused and resumed. The
//! scenario ends as if the power had not failed.

use dormouse_journal::json_payload;
use dormouse_sim::guest;
use dormouse_store::Pausable;
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_seventh_operation};

fn workflow() -> Pausable {
    Pausable::Workflow("script".into())
}

fn pause(player: &mut Player, what: &Pausable) {
    player.retry_until(|world, host| world.run(host.pause(what.clone())).ok());
}

fn resume(player: &mut Player, what: &Pausable) {
    player.retry_until(|world, host| world.run(host.unpause(what.clone())).ok());
}

/// Lets simulated time pass, during which the host may be lost.
fn pass(player: &mut Player) {
    let mut looks = 0;
    player.retry_until(|_, _| {
        looks += 1;
        (looks > 200).then_some(())
    });
}

fn play(player: &mut Player) -> Value {
    let script = json!({"seq": [
        {"join": [{"sleep": 2_000}, {"sleep": 3_000}, {"call": {"url": "http://service.example/", "attempts": 3}}]},
        {"start": {"workflow": "script", "input": {"step": "s", "value": 7}}, "as": "child"},
        {"await-run": "child"},
    ]});
    player.retry_until(|world, host| world.run(host.deploy("script", guest("script"))).ok());
    let run = player.start("script", &json_payload(script.to_string()));
    let activations = |player: &mut Player| {
        player.retry_until(|world, _| Some(world.reading().state(run).ok()??.activations))
    };
    player.retry_until(|world, _| {
        let state = world.reading().state(run).ok()??;
        (state.activations > 0).then_some(())
    });
    pause(player, &workflow());
    let before = activations(player);
    pass(player);
    assert_eq!(activations(player), before, "nothing of it is executed");
    pause(player, &Pausable::Host);
    pause(player, &Pausable::Run(run));
    resume(player, &workflow());
    pass(player);
    resume(player, &Pausable::Host);
    pass(player);
    assert_eq!(activations(player), before, "it is still paused by itself");
    resume(player, &Pausable::Run(run));
    let output = player.retry_until(|world, _| world.reading().output(run).ok()?);
    let output: Value = serde_json::from_slice(&output.body).unwrap();
    json!({"child": output[2], "activations": activations(player)})
}

fn check(player: &Player) {
    assert_eq!(player.world.reading().runs().unwrap().len(), 2);
}

const SCENARIO: Scenario = Scenario { play, check };

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_loses_no_paused_work() {
    crash_at_every_seventh_operation(&SCENARIO);
}

#[test]
fn a_crash_at_every_commit_loses_no_paused_work() {
    crash_at_every_commit(&SCENARIO);
}
