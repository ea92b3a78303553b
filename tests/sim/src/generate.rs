//! Generates a case from a seed.

use serde_json::{Value, json};

use crate::case::{EVENT, fails_once};
use crate::world::BEGINNING;
use crate::{Act, Case, Dice, What};

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// Times are multiples of this many milliseconds, so that events often fall on the same millisecond.
const GRID: u64 = 50;

/// Returns the case of a seed.
#[must_use]
pub fn generate(seed: u64) -> Case {
    let mut dice = Dice::new(seed);
    let runs = 1 + dice.index(5);
    // A repaired run can be checked less strictly, so most cases have no repair.
    let repairs = dice.percent(35);
    let scripts = (0..runs).map(|_| script(&mut dice, repairs)).collect();
    // While something is paused, work that is left undone cannot be noticed, so most cases have no
    // pause.
    let pauses = dice.percent(30);
    let acts = (0..5 + dice.index(30))
        .map(|number| {
            let number = u32::try_from(number).unwrap_or_default();
            match repairs && dice.percent(30) {
                true => repair(&mut dice, runs),
                false => act(&mut dice, (runs, pauses), number),
            }
        })
        .collect();
    Case {
        seed,
        warm_memory: dice.pick(&[0, 0, 2 << 20, 1 << 30]),
        instances: dice.pick(&[1, 2, 64]),
        rebuild_after_step: dice.percent(30),
        commit_delay: dice.pick(&[0, 0, 0, 3]),
        tears: dice.percent(50),
        failing: dice.pick(&[0, 30, 70]),
        scripts,
        acts,
    }
}

fn script(dice: &mut Dice, repairs: bool) -> Value {
    let mut left = 3 + dice.index(14);
    let mut parts = Vec::new();
    while left > 0 {
        parts.push(form(dice, &mut left, 3));
        if repairs && dice.percent(15) {
            parts.push(failing(dice, &mut left));
        }
    }
    json!({ "seq": parts })
}

/// Returns a form that fails once, alone or beside another form that has not completed then.
fn failing(dice: &mut Dice, left: &mut usize) -> Value {
    let once = fails_once(&json!({"step": "mended", "value": dice.below(9)}));
    if dice.percent(50) {
        return once;
    }
    let after = json!({"seq": [{"sleep": span(dice)}, once]});
    json!({"join": [form(dice, left, 1), form(dice, left, 1), after]})
}

/// Returns a form of at most this depth. Each form takes one from `left`.
fn form(dice: &mut Dice, left: &mut usize, depth: u32) -> Value {
    *left = left.saturating_sub(1);
    let forms = |dice: &mut Dice, left: &mut usize| -> Vec<Value> {
        (0..2 + dice.index(2))
            .map(|_| form(dice, left, depth - 1))
            .collect()
    };
    if depth > 0 && dice.percent(35) {
        return match dice.below(6) {
            0 => json!({"seq": forms(dice, left)}),
            1 | 2 => json!({"join": forms(dice, left)}),
            3 => json!({"race": forms(dice, left)}),
            4 => given_up(dice),
            _ => json!({"repeat": 1 + dice.below(3), "do": form(dice, left, depth - 1)}),
        };
    }
    match dice.below(28) {
        0..=6 => json!({"wait": dice.pick(&["a", "a", "b"]), "ms": timeout(dice)}),
        7..=9 => json!({"sleep": span(dice)}),
        10 | 11 => json!({"call": call(dice)}),
        12 => json!({"event": EVENT, "ms": timeout(dice)}),
        13 => json!({"notify": EVENT, "run": null, "body": 1}),
        14 => json!({"step": "s", "value": dice.below(9)}),
        15 => {
            json!({"seq": [{"wait": "r", "ms": null}, {"respond": {"status": 201, "body": "yes"}}]})
        }
        16 => json!({"close": dice.pick(&["a", "b"])}),
        17 => json!({"log": "line"}),
        18 => json!({"random": 4}),
        19 => json!({"sleep-until": BEGINNING.0 + 10 * span(dice)}),
        20 => json!({"abandon": dice.pick(&["a", "b", EVENT, "call", "sleep", "sleep-until"])}),
        21 => json!({"order": ["flour", "water", "salt", "yeast", "time"]}),
        24 | 25 => json!({"invoke": {"workflow": "script", "input": child(dice)}}),
        26 => {
            let name = format!("child {}", dice.below(1_000));
            let leave = dice.percent(50);
            let start = json!({"start": {"workflow": "script", "input": child(dice), "leave": leave}, "as": name});
            match dice.below(3) {
                0 => start,
                1 => json!({"seq": [start, {"cancel-run": name}, {"await-run": name}]}),
                _ => json!({"seq": [start, {"await-run": name, "ms": timeout(dice)}]}),
            }
        }
        27 => json!({"wait-cancel": null, "ms": span(dice)}),
        22 if dice.percent(20) => json!({"join": [{"call": call(dice)}, {"trap": "over"}]}),
        _ => json!({"now": true}),
    }
}

/// Returns the script of a run that another run starts. It ends by itself.
fn child(dice: &mut Dice) -> Value {
    match dice.below(5) {
        0 => json!({"step": "s", "value": dice.below(9)}),
        3 => {
            let each = match dice.below(3) {
                0 => json!({"sleep": span(dice)}),
                1 => json!({"call": call(dice)}),
                _ => {
                    json!({"join": [{"sleep": span(dice)}, {"invoke": {"workflow": "script", "input": {"now": true}}}]})
                }
            };
            json!({"generations": 2 + dice.below(3), "do": each, "keep": [], "results": []})
        }
        1 => json!({"fail": {"code": "c", "message": "m"}}),
        2 => {
            json!({"seq": [{"sleep": span(dice)}, {"start": {"workflow": "script", "input": {"now": true}}}]})
        }
        _ => json!({"sleep": span(dice)}),
    }
}

/// Returns a form that is given up while it is outstanding, at once or a little later.
fn given_up(dice: &mut Dice) -> Value {
    let (mut form, name) = match dice.below(6) {
        // These forms have a timeout, since without one they would not accept an empty answer.
        0 | 1 => (json!({"wait": "a", "ms": span(dice)}), "a"),
        2 => (json!({"event": EVENT, "ms": span(dice)}), EVENT),
        3 => (json!({"call": call(dice)}), "call"),
        4 => (json!({"notify": EVENT, "run": null, "body": 2}), EVENT),
        _ => (json!({"sleep": span(dice)}), "sleep"),
    };
    let mut abandon = json!({ "abandon": name });
    if dice.percent(50) {
        // The form needs a name of its own, since the sleep before `abandon` could have the same name.
        form["as"] = json!("given up");
        abandon = json!({"seq": [{"sleep": span(dice)}, {"abandon": "given up"}]});
    }
    json!({ dice.pick(&["join", "join", "race"]): [form, abandon] })
}

fn call(dice: &mut Dice) -> Value {
    let mut call = json!({
        "method": "POST", "url": "http://service.example/", "body": "${a.url}", "delay_ms": 50 + span(dice),
    });
    // A number of attempts, a time, or both bound the call.
    let bounds = dice.below(4);
    if bounds != 0 {
        call["attempts"] = (1 + dice.below(4)).into();
    }
    if bounds < 2 {
        call["give_up_after_ms"] = (1 + span(dice)).into();
    }
    call
}

fn span(dice: &mut Dice) -> u64 {
    GRID * dice.below(20)
}

fn timeout(dice: &mut Dice) -> Option<u64> {
    (!dice.percent(25)).then(|| span(dice))
}

/// Returns an act of an operator on a run.
fn repair(dice: &mut Dice, runs: usize) -> Act {
    let run = dice.index(runs);
    let what = match dice.below(12) {
        0..=3 => What::Retry(run),
        4..=10 => What::TakeBack {
            run,
            step: u32::try_from(dice.below(40)).unwrap_or_default(),
        },
        _ => What::Cancel {
            run,
            grace: dice.percent(80).then(|| 4 * span(dice)),
        },
    };
    Act {
        after: if dice.percent(40) { 0 } else { span(dice) },
        what,
    }
}

fn act(dice: &mut Dice, (runs, pauses): (usize, bool), number: u32) -> Act {
    let run = dice.index(runs);
    let webhook = dice.index(3);
    let body = if dice.percent(25) { 0 } else { number + 1 };
    let what = match dice.below(if pauses { 25 } else { 22 }) {
        0..=8 => What::Post {
            run,
            webhook,
            key: dice.percent(60).then(|| dice.pick(&[0, 1, 2])),
            body,
            delay: GRID * dice.below(4),
        },
        9..=12 => What::PostAtDeadline {
            run,
            webhook,
            body: number + 1,
            late: dice.pick(&[-1, -1, 0, 0, 1]),
        },
        13..=15 => What::Event {
            to: dice.percent(50).then_some(run),
            body: number + 1,
        },
        16 => What::Crash {
            down: GRID * dice.below(30),
        },
        17 | 18 => What::FailAfter(dice.index(40)),
        22 | 23 => What::Pause {
            run: dice.percent(70).then_some(run),
            goes_on: false,
        },
        24 => What::Pause {
            run: dice.percent(70).then_some(run),
            goes_on: true,
        },
        21 => What::Move(run),
        19 => What::SetDate(dice.pick(&[HOUR, -HOUR, 2 * HOUR, 9_000 * HOUR, -3_000])),
        _ => What::Full(GRID * dice.below(40)),
    };
    Act {
        after: if dice.percent(40) { 0 } else { span(dice) },
        what,
    }
}
