//! The report: a table for people, and JSON for comparisons.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde_json::{Value, json};

use crate::disk::Sync;
use crate::statistics::median;

/// The values of one figure.
#[derive(Default)]
pub(crate) struct Measures {
    /// The rows, in the order in which they were first measured.
    rows: Vec<Row>,
}

struct Row {
    name: String,
    unit: &'static str,
    repeats: Vec<f64>,
    goal: Option<Goal>,
}

/// A goal of the project. It is shown beside the measured value, and has no other effect.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Measures {
    /// Adds a value. Values of the same name are repeats.
    pub(crate) fn add(&mut self, name: impl Into<String>, unit: &'static str, value: f64) {
        let name = name.into();
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.repeats.push(value),
            None => self.rows.push(Row {
                name,
                unit,
                repeats: vec![value],
                goal: None,
            }),
        }
    }

    /// Sets the goal for the values of this name.
    pub(crate) fn goal(&mut self, name: &str, goal: Goal) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.goal = Some(goal);
        }
    }

    /// Returns the median of the values of this name.
    pub(crate) fn median(&self, name: &str) -> f64 {
        let row = self.rows.iter().find(|row| row.name == name);
        row.map_or(f64::NAN, |row| median(&row.repeats))
    }
}

/// The values of a figure, with the disk's speed before and after it.
pub(crate) struct Finding {
    pub(crate) figure: &'static str,
    pub(crate) title: &'static str,
    pub(crate) measures: Measures,
    pub(crate) before: Sync,
    pub(crate) after: Sync,
    pub(crate) seconds: f64,
    /// The results of the floor, for comparison.
    pub(crate) floor: Option<FloorResults>,
}

/// The results of the smallest durable server on the same machine, in the same minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FloorResults {
    /// The time from a request to its answer, with one client.
    pub(crate) milliseconds: f64,
    /// The number of requests in a second, with many clients.
    pub(crate) per_second: f64,
    /// The processor time of a request.
    pub(crate) microseconds: f64,
}

impl FloorResults {
    /// Returns a value as a multiple of the floor's, or `None` if the floor has no such value.
    fn multiple(self, value: f64, unit: &str) -> Option<f64> {
        let floor = match unit {
            "ms" => self.milliseconds,
            "1/s" => self.per_second,
            "us" => self.microseconds,
            _ => return None,
        };
        Some(value / floor)
    }
}

impl Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}: {}", self.figure, self.title)?;
        writeln!(
            formatter,
            "  {:<52} {:>12} {:>25}  {:<8} {:>9}  goal",
            "", "median", "min .. max", "unit", "x floor"
        )?;
        for row in &self.measures.rows {
            let goal = row.goal.map_or(String::new(), |goal| goal.to_string());
            writeln!(
                formatter,
                "  {:<52} {:>12} {:>25}  {:<8} {:>9}  {goal}",
                row.name,
                shown(median(&row.repeats)),
                row.spread(),
                row.unit,
                row.multiple(self.floor).map_or(String::new(), shown),
            )?;
        }
        let (before, after) = (self.before, self.after);
        let syncs = format!("{} before, {} after", shown(before.p50), shown(after.p50));
        writeln!(
            formatter,
            "  {:<52} {:>38}  ms",
            "a sync of this disk, p50", syncs
        )
    }
}

impl Row {
    /// Returns the median as a multiple of the floor's value.
    fn multiple(&self, floor: Option<FloorResults>) -> Option<f64> {
        floor?.multiple(median(&self.repeats), self.unit)
    }

    fn spread(&self) -> String {
        let smallest = self.repeats.iter().copied().fold(f64::NAN, f64::min);
        let largest = self.repeats.iter().copied().fold(f64::NAN, f64::max);
        if self.repeats.len() == 1 {
            return String::new();
        }
        format!("{} .. {}", shown(smallest), shown(largest))
    }
}

impl Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Goal::AtMost(value) => write!(formatter, "<= {}", shown(value)),
            Goal::AtLeast(value) => write!(formatter, ">= {}", shown(value)),
        }
    }
}

/// Returns all findings as JSON. `about` describes what was measured, and the machine.
pub(crate) fn json(about: &BTreeMap<&'static str, Value>, findings: &[Finding]) -> Value {
    let figures: Vec<Value> = findings.iter().map(Finding::json).collect();
    json!({ "about": about, "figures": figures })
}

impl Finding {
    fn json(&self) -> Value {
        let rows = self.measures.rows.iter();
        json!({
            "figure": self.figure,
            "title": self.title,
            "seconds": self.seconds,
            "sync_ms": {
                "before": {"p50": self.before.p50, "p99": self.before.p99},
                "after": {"p50": self.after.p50, "p99": self.after.p99},
            },
            "measures": rows.map(|row| row.json(self.floor)).collect::<Vec<_>>(),
        })
    }
}

impl Row {
    fn json(&self, floor: Option<FloorResults>) -> Value {
        let goal = self.goal.map(|goal| match goal {
            Goal::AtMost(value) => json!({"at_most": value}),
            Goal::AtLeast(value) => json!({"at_least": value}),
        });
        json!({
            "name": self.name,
            "unit": self.unit,
            "median": median(&self.repeats),
            "repeats": self.repeats,
            "times_floor": self.multiple(floor),
            "goal": goal,
        })
    }
}

/// Formats a value with only the digits that are significant.
fn shown(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_shown_as_median_and_spread() {
        let mut measures = Measures::default();
        for value in [3.0, 1.0, 20.0] {
            measures.add("latency", "ms", value);
        }
        measures.goal("latency", Goal::AtMost(2.5));
        let sync = Sync { p50: 0.2, p99: 0.4 };
        let finding = Finding {
            figure: "wake",
            title: "a title",
            measures,
            before: sync,
            after: sync,
            seconds: 1.0,
            floor: Some(FloorResults {
                milliseconds: 1.5,
                per_second: 1.0,
                microseconds: 1.0,
            }),
        };
        let text = finding.to_string();
        let row = text.lines().find(|line| line.contains("latency")).unwrap();
        let words: Vec<&str> = row.split_whitespace().collect();
        assert_eq!(
            words,
            [
                "latency", "3.00", "1.00", "..", "20.0", "ms", "2.00", "<=", "2.50"
            ]
        );
        assert_eq!(finding.json()["measures"][0]["median"], 3.0);
        assert_eq!(finding.json()["measures"][0]["times_floor"], 2.0);
    }
}
