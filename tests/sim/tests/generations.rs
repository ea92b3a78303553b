//! The power fails at every place of a scenario about runs that continue as new while requests arrive for a webhook that
//! they keep. No request is lost, doubled or delivered out of order.

use dormouse_journal::{Status, json_payload};
use dormouse_sim::guest;
use serde_json::{Value, json};

use crate::player::{Player, Scenario, crash_at_every_commit, crash_at_every_seventh_operation};

/// The number of generations of each run.
const GENERATIONS: usize = 4;

fn script() -> Value {
    json!({"seq": [
        {"webhook": "kept"}, {"webhook": "dropped"},
        {"start": {"workflow": "script", "leave": true, "input": {"step": "s", "value": 1}}},
        {"generations": GENERATIONS, "keep": ["kept"], "do": {"seq": [
            {"webhook": "dropped"}, {"wait": "kept"}, {"wait": "dropped", "ms": 5}, {"wait": "kept"},
        ]}},
    ]})
}

fn play(player: &mut Player) -> Value {
    let program = guest("script");
    player.retry_until(|world, host| world.run(host.deploy("script", program.clone())).ok());
    let run = player.start("script", &json_payload(script().to_string()));
    for number in 0..2 * GENERATIONS {
        player.send(run, 0, &number.to_string());
    }
    let output = player.retry_until(|world, _| {
        let state = world.reading().state(run).ok()??;
        let is_done = state.status == Status::Completed && !world.reading().has_orders().ok()?;
        if is_done {
            world.reading().output(run).ok()?
        } else {
            None
        }
    });
    let output: Value = serde_json::from_slice(&output.body).unwrap();
    let bodies = |result: &Value| json!([result[1]["body"], result[3]["body"]]);
    output.as_array().unwrap().iter().map(bodies).collect()
}

fn check(player: &Player) {
    let reading = player.world.reading();
    let runs = reading.runs().unwrap();
    assert_eq!(runs.len(), 2, "what a generation starts is started once");
    let parent = runs.iter().find(|run| run.run.parent.is_none()).unwrap();
    let generations = u32::try_from(GENERATIONS).unwrap();
    assert_eq!(parent.state.generation, generations - 1);
    assert_eq!(reading.journal(parent.id).unwrap().len(), 4);
}

const SCENARIO: Scenario = Scenario { play, check };

#[test]
fn a_crash_at_every_seventh_operation_on_the_disk_loses_no_request_between_generations() {
    crash_at_every_seventh_operation(&SCENARIO);
}

#[test]
fn a_crash_at_every_commit_loses_no_request_between_generations() {
    crash_at_every_commit(&SCENARIO);
}
