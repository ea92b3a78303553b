//! Makes a failing case smaller, as long as it still fails.

use serde_json::{Value, json};

use crate::Case;

/// The largest number of smaller cases that are tried.
const TRIES: usize = 600;

/// Returns the smallest case found that still fails, and its failure.
pub fn shrink(
    case: Case,
    failure: String,
    fails: impl Fn(&Case) -> Option<String>,
) -> (Case, String) {
    let (mut case, mut failure) = (case, failure);
    let mut tries = 0;
    // After a success, the search continues at the same place: the cases before it were tried already, and most
    // of them without success.
    let mut place = 0;
    let mut since_success = 0;
    loop {
        let smaller = smaller(&case);
        if smaller.is_empty() || since_success >= smaller.len() || tries >= TRIES {
            return (case, failure);
        }
        place %= smaller.len();
        tries += 1;
        match fails(&smaller[place]) {
            Some(why) => {
                case = smaller[place].clone();
                failure = why;
                since_success = 0;
            }
            None => {
                place += 1;
                since_success += 1;
            }
        }
    }
}

/// Returns every case that is one step smaller, with the largest steps first.
fn smaller(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    for (run, script) in case.scripts.iter().enumerate() {
        if *script != json!({"seq": []}) {
            let mut without = case.clone();
            without.scripts[run] = json!({"seq": []});
            all.push(without);
        }
    }
    let half = case.acts.len() / 2;
    if half > 1 {
        for range in [0..half, half..case.acts.len()] {
            let mut without = case.clone();
            without.acts.drain(range);
            all.push(without);
        }
    }
    for act in 0..case.acts.len() {
        let mut without = case.clone();
        without.acts.remove(act);
        all.push(without);
    }
    for (run, script) in case.scripts.iter().enumerate() {
        for script in smaller_scripts(script) {
            let mut without = case.clone();
            without.scripts[run] = script;
            all.push(without);
        }
    }
    all
}

/// Returns every script in which one form is left out, or is replaced by a form inside it.
fn smaller_scripts(script: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    for name in ["seq", "join", "race"] {
        let Some(parts) = script[name].as_array() else {
            continue;
        };
        for (index, part) in parts.iter().enumerate() {
            let mut left = parts.clone();
            left.remove(index);
            all.push(json!({ name: left }));
            for part in smaller_scripts(part) {
                let mut changed = parts.clone();
                changed[index] = part;
                all.push(json!({ name: changed }));
            }
        }
    }
    for name in ["do", "else"] {
        if let Some(inner) = script.get(name) {
            all.push(inner.clone());
        }
    }
    all
}
