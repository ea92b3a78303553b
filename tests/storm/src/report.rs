//! The report at the end of the storm. Times are shown but cannot fail it, since machines differ.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use crate::acts::Act;
use crate::samples::Times;
use crate::storm::{Performed, StormResults};
use crate::time::{Moment, millis};

/// The delay that a neighbour may notice: three times the median of the quiet period, and this many
/// milliseconds.
const MULTIPLE: f64 = 3.0;
const BESIDE: f64 = 20.0;

/// The values of one line.
struct Line {
    name: String,
    times: Times,
}

/// Prints the report as a table.
pub(crate) fn print(results: &StormResults) {
    let lines = lines(results);
    let quiet = lines.first().and_then(|line| line.times.percentile(50));
    let quiet = quiet.unwrap_or(f64::NAN);
    let bound = MULTIPLE * quiet + BESIDE;
    println!();
    println!(
        "The measured neighbour: a request to its webhook until its workflow's answer, in milliseconds."
    );
    println!(
        "Bound for p99, which is shown and not judged: {MULTIPLE} x quiet p50 + {BESIDE} ms = {bound:.1} ms."
    );
    println!();
    println!(
        "{:<22} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8}  bound",
        "act", "answers", "refused", "p50", "p99", "p50 x", "p99 x"
    );
    for line in &lines {
        println!("{}", row(line, quiet, bound));
    }
    let counts = &results.counts;
    println!();
    println!(
        "{} requests were accepted by {} neighbours' runs, {} repeats known, {} attempts made again; {} sleepers, the \
         latest {:.0} ms after its time.",
        counts.accepted.load(Ordering::Relaxed),
        counts.runs.load(Ordering::Relaxed),
        counts.repeated.load(Ordering::Relaxed),
        counts.tried_again.load(Ordering::Relaxed),
        results.sleepers,
        millis(results.latest_sleeper)
    );
}

/// Returns the report as JSON.
pub(crate) fn json(results: &StormResults, seed: u64, faults: &[String]) -> Value {
    let lines: Vec<Value> = lines(results)
        .iter()
        .map(|line| {
            json!({
                "act": line.name, "answers": line.times.count(), "refused": line.times.refused,
                "p50_ms": line.times.percentile(50), "p99_ms": line.times.percentile(99),
            })
        })
        .collect();
    json!({
        "seed": seed,
        "accepted": results.counts.accepted.load(Ordering::Relaxed),
        "sleepers": results.sleepers,
        "neighbour": lines,
        "faults": faults,
    })
}

fn lines(results: &StormResults) -> Vec<Line> {
    let performed = results.performed();
    let spans = |choose: &dyn Fn(&Performed) -> bool| -> Vec<(Moment, Moment)> {
        let chosen = performed.iter().filter(|performed| choose(performed));
        chosen.map(|performed| performed.span).collect()
    };
    let line = |name: String, spans: &[(Moment, Moment)]| Line {
        name,
        times: results.samples.within(spans),
    };
    let quiet_period: Vec<_> = results.quiet_period.into_iter().collect();
    let mut lines = vec![line("quiet".into(), &quiet_period)];
    let mut acts: Vec<Act> = performed.iter().map(|performed| performed.act).collect();
    acts.sort_unstable();
    acts.dedup();
    for act in acts {
        let alone = spans(&|performed| performed.act == act && performed.alone);
        if !alone.is_empty() {
            lines.push(line(act.name(), &alone));
        }
    }
    let together = spans(&|performed| !performed.alone);
    if !together.is_empty() {
        lines.push(line("several at once".into(), &together));
    }
    lines
}

fn row(line: &Line, quiet: f64, bound: f64) -> String {
    let (p50, p99) = (line.times.percentile(50), line.times.percentile(99));
    let shown = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
    let multiple =
        |value: Option<f64>| value.map_or("-".into(), |value| format!("{:.1}", value / quiet));
    let verdict = match p99 {
        Some(p99) if p99 <= bound => "within",
        Some(_) => "over",
        None => "-",
    };
    format!(
        "{:<22} {:>8} {:>8} {:>9} {:>9} {:>8} {:>8}  {verdict}",
        line.name,
        line.times.count(),
        line.times.refused,
        shown(p50),
        shown(p99),
        multiple(p50),
        multiple(p99),
    )
}
