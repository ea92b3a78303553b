//! Generates a case from a seed.

use serde_json::{Value, json};

use crate::case::{EVENT, fails_once};
use crate::world::BEGINNING;
use crate::{Act, Case, EventKind, SeededRng};

/// An hour in milliseconds.
const HOUR: i64 = 3_600_000;

/// Times are multiples of this many milliseconds, so that events often fall on the same millisecond.
const GRID: u64 = 50;

/// Returns the case of a seed.
#[must_use]
pub fn generate(seed: u64) -> Case {
    let mut rng = SeededRng::new(seed);
    let runs = 1 + rng.index(5);
    // A repaired run can be checked less strictly, so most cases have no repair.
    let repairs = rng.percent(35);
    let scripts = (0..runs).map(|_| script(&mut rng, repairs)).collect();
    // While something is paused, work that is left undone cannot be noticed, so most cases have no
    // pause.
    let pauses = rng.percent(30);
    let acts = (0..5 + rng.index(30))
        .map(|number| {
            let number = u32::try_from(number).unwrap_or_default();
            match repairs && rng.percent(30) {
                true => repair(&mut rng, runs),
                false => act(&mut rng, (runs, pauses), number),
            }
        })
        .collect();
    Case {
        seed,
        warm_memory: rng.pick(&[0, 0, 2 << 20, 1 << 30]),
        instances: rng.pick(&[1, 2, 64]),
        rebuild_after_step: rng.percent(30),
        commit_delay: rng.pick(&[0, 0, 0, 3]),
        tears: rng.percent(50),
        failing: rng.pick(&[0, 30, 70]),
        scripts,
        acts,
    }
}

fn script(rng: &mut SeededRng, repairs: bool) -> Value {
    let mut left = 3 + rng.index(14);
    let mut parts = Vec::new();
    while left > 0 {
        parts.push(form(rng, &mut left, 3));
        if repairs && rng.percent(15) {
            parts.push(failing(rng, &mut left));
        }
    }
    json!({ "seq": parts })
}

/// Returns a form that fails once, alone or beside other forms that have not completed then. At times they are so many that
/// a retry is written in pieces.
fn failing(rng: &mut SeededRng, left: &mut usize) -> Value {
    let once = fails_once(&json!({"step": "mended", "value": rng.below(9)}));
    if rng.percent(50) {
        return once;
    }
    let after = json!({"seq": [{"sleep": span(rng)}, once]});
    if rng.percent(15) {
        return json!({"race": [after, {"join": outstanding(rng, 130)}]});
    }
    json!({"join": [form(rng, left, 1), form(rng, left, 1), after]})
}

/// Returns a form of at most this depth. Each form takes one from `left`.
fn form(rng: &mut SeededRng, left: &mut usize, depth: u32) -> Value {
    *left = left.saturating_sub(1);
    let forms = |rng: &mut SeededRng, left: &mut usize| -> Vec<Value> {
        (0..2 + rng.index(2))
            .map(|_| form(rng, left, depth - 1))
            .collect()
    };
    if depth > 0 && rng.percent(35) {
        return match rng.below(6) {
            0 => json!({"seq": forms(rng, left)}),
            1 | 2 => json!({"join": forms(rng, left)}),
            3 => json!({"race": forms(rng, left)}),
            4 => given_up(rng),
            _ => json!({"repeat": 1 + rng.below(3), "do": form(rng, left, depth - 1)}),
        };
    }
    match rng.below(28) {
        0..=6 => json!({"wait": rng.pick(&["a", "a", "b"]), "ms": timeout(rng)}),
        7..=9 => json!({"sleep": span(rng)}),
        10 | 11 => json!({"call": call(rng)}),
        12 => json!({"event": EVENT, "ms": timeout(rng)}),
        13 => json!({"notify": EVENT, "run": null, "body": 1}),
        14 => json!({"step": "s", "value": rng.below(9)}),
        15 => {
            json!({"seq": [{"wait": "r", "ms": null}, {"respond": {"status": 201, "body": "yes"}}]})
        }
        16 => json!({"close": rng.pick(&["a", "b"])}),
        17 => json!({"log": "line"}),
        18 => json!({"random": 4}),
        19 => json!({"sleep-until": BEGINNING.0 + 10 * span(rng)}),
        20 => json!({"abandon": rng.pick(&["a", "b", EVENT, "call", "sleep", "sleep-until"])}),
        21 => json!({"order": ["flour", "water", "salt", "yeast", "time"]}),
        24 | 25 => json!({"invoke": {"workflow": "script", "input": child(rng)}}),
        26 => {
            let name = format!("child {}", rng.below(1_000));
            let leave = rng.percent(50);
            let start = json!({"start": {"workflow": "script", "input": child(rng), "leave": leave}, "as": name});
            match rng.below(3) {
                0 => start,
                1 => json!({"seq": [start, {"cancel-run": name}, {"await-run": name}]}),
                _ => json!({"seq": [start, {"await-run": name, "ms": timeout(rng)}]}),
            }
        }
        27 => json!({"wait-cancel": null, "ms": span(rng)}),
        23 if rng.percent(10) => many(rng),
        22 if rng.percent(20) => json!({"join": [{"call": call(rng)}, {"trap": "over"}]}),
        _ => json!({"now": true}),
    }
}

/// Returns a form with so many operations at once that they are written in pieces, and so is giving them up.
fn many(rng: &mut SeededRng) -> Value {
    json!({"race": [{"sleep": span(rng)}, {"join": outstanding(rng, 560)}]})
}

/// Returns so many sleeps, with one form of other kinds each among them.
fn outstanding(rng: &mut SeededRng, sleeps: usize) -> Vec<Value> {
    let mut all = vec![json!({"sleep": 100 * HOUR}); sleeps];
    let others = [
        json!({"call": call(rng)}),
        json!({"event": EVENT, "ms": timeout(rng)}),
        json!({"notify": EVENT, "run": null, "body": 3}),
        json!({"wait": "a", "ms": timeout(rng)}),
        json!({"start": {"workflow": "script", "input": child(rng)}, "as": "one of many"}),
    ];
    for other in others {
        let place = rng.index(all.len());
        all.insert(place, other);
    }
    all
}

/// Returns the script of a run that another run starts. It ends by itself.
fn child(rng: &mut SeededRng) -> Value {
    match rng.below(5) {
        0 => json!({"step": "s", "value": rng.below(9)}),
        3 => {
            let each = match rng.below(3) {
                0 => json!({"sleep": span(rng)}),
                1 => json!({"call": call(rng)}),
                _ => {
                    json!({"join": [{"sleep": span(rng)}, {"invoke": {"workflow": "script", "input": {"now": true}}}]})
                }
            };
            json!({"generations": 2 + rng.below(3), "do": each, "keep": [], "results": []})
        }
        1 => json!({"fail": {"code": "c", "message": "m"}}),
        2 => {
            json!({"seq": [{"sleep": span(rng)}, {"start": {"workflow": "script", "input": {"now": true}}}]})
        }
        _ => json!({"sleep": span(rng)}),
    }
}

/// Returns a form that is given up while it is outstanding, at once or a little later.
fn given_up(rng: &mut SeededRng) -> Value {
    let (mut form, name) = match rng.below(6) {
        // These forms have a timeout, since without one they would not accept an empty answer.
        0 | 1 => (json!({"wait": "a", "ms": span(rng)}), "a"),
        2 => (json!({"event": EVENT, "ms": span(rng)}), EVENT),
        3 => (json!({"call": call(rng)}), "call"),
        4 => (json!({"notify": EVENT, "run": null, "body": 2}), EVENT),
        _ => (json!({"sleep": span(rng)}), "sleep"),
    };
    let mut abandon = json!({ "abandon": name });
    if rng.percent(50) {
        // The form needs a name of its own, since the sleep before `abandon` could have the same name.
        form["as"] = json!("given up");
        abandon = json!({"seq": [{"sleep": span(rng)}, {"abandon": "given up"}]});
    }
    json!({ rng.pick(&["join", "join", "race"]): [form, abandon] })
}

fn call(rng: &mut SeededRng) -> Value {
    let mut call = json!({
        "method": "POST", "url": "http://service.example/", "body": "${a.url}", "delay_ms": 50 + span(rng),
    });
    // A number of attempts, a time, or both bound the call.
    let bounds = rng.below(4);
    if bounds != 0 {
        call["attempts"] = (1 + rng.below(4)).into();
    }
    if bounds < 2 {
        call["give_up_after_ms"] = (1 + span(rng)).into();
    }
    call
}

fn span(rng: &mut SeededRng) -> u64 {
    GRID * rng.below(20)
}

fn timeout(rng: &mut SeededRng) -> Option<u64> {
    (!rng.percent(25)).then(|| span(rng))
}

/// Returns an act of an operator on a run.
fn repair(rng: &mut SeededRng, runs: usize) -> Act {
    let run = rng.index(runs);
    let what = match rng.below(12) {
        0..=3 => EventKind::Retry(run),
        4..=10 => EventKind::TakeBack {
            run,
            step: u32::try_from(rng.below(40)).unwrap_or_default(),
        },
        _ => EventKind::Cancel {
            run,
            grace: rng.percent(80).then(|| 4 * span(rng)),
        },
    };
    Act {
        after: if rng.percent(40) { 0 } else { span(rng) },
        what,
    }
}

fn act(rng: &mut SeededRng, (runs, pauses): (usize, bool), number: u32) -> Act {
    let run = rng.index(runs);
    let webhook = rng.index(3);
    let body = if rng.percent(25) { 0 } else { number + 1 };
    let what = match rng.below(if pauses { 25 } else { 22 }) {
        0..=8 => EventKind::Post {
            run,
            webhook,
            key: rng.percent(60).then(|| rng.pick(&[0, 1, 2])),
            body,
            delay: GRID * rng.below(4),
        },
        9..=12 => EventKind::PostAtDeadline {
            run,
            webhook,
            body: number + 1,
            late: rng.pick(&[-1, -1, 0, 0, 1]),
        },
        13..=15 => EventKind::Event {
            to: rng.percent(50).then_some(run),
            body: number + 1,
        },
        16 => EventKind::Crash {
            down: GRID * rng.below(30),
        },
        17 | 18 => EventKind::FailAfter(rng.index(40)),
        22 | 23 => EventKind::Pause {
            run: rng.percent(70).then_some(run),
            goes_on: false,
        },
        24 => EventKind::Pause {
            run: rng.percent(70).then_some(run),
            goes_on: true,
        },
        21 => EventKind::Move(run),
        19 => EventKind::SetDate(rng.pick(&[HOUR, -HOUR, 2 * HOUR, 9_000 * HOUR, -3_000])),
        _ => EventKind::Full(GRID * rng.below(40)),
    };
    Act {
        after: if rng.percent(40) { 0 } else { span(rng) },
        what,
    }
}
