//! Runs that take more than their share. They may fail or complete, but other runs must not notice
//! them.

use std::time::Duration;

use serde_json::{Value, json};

use super::context::{ActContext, DEFAULT_DURATION};
use crate::api::Api;
use crate::time::{Moment, pause};

/// The workflow of the hostile runs.
pub(crate) const WORKFLOW: &str = "hostile";

/// A URL on a port of the loopback interface on which no program listens.
const DEAD: &str = "http://127.0.0.1:1/";

pub(super) fn grow(context: &ActContext<'_>) -> anyhow::Result<()> {
    let script = json!({"repeat": 1_000, "do": {"seq": [{"grow": 240 << 20}, {"sleep": 200}]}});
    hostile(context, &vec![script; 6])
}

pub(super) fn compute(context: &ActContext<'_>) -> anyhow::Result<()> {
    // It takes a second or more, as fast as the machine writes memory.
    let computes = json!({"repeat": 600, "do": {"grow": 16 << 20}});
    let some = json!({"repeat": 1_000, "do": {"seq": [computes, {"sleep": 50}]}});
    let for_ever = json!({"spin": true});
    hostile(
        context,
        &[some.clone(), some.clone(), some, for_ever.clone(), for_ever],
    )
}

pub(super) fn dead_calls(context: &ActContext<'_>) -> anyhow::Result<()> {
    let body = "x".repeat(15 << 20);
    let script = json!({"call": {
        "method": "POST", "url": DEAD, "body": body, "attempts": 1_000, "delay_ms": 50,
    }});
    hostile(context, &vec![script; 3])
}

pub(super) fn self_events(context: &ActContext<'_>) -> anyhow::Result<()> {
    let script = |number: usize| {
        let event = format!("self-{number}");
        let body = "x".repeat(1 << 20);
        json!({"repeat": 15, "do": {"join": [
            {"event": event}, {"seq": [{"sleep": 10}, {"notify": event, "body": body}]},
        ]}})
    };
    hostile(context, &[0, 1, 2].map(script))
}

pub(super) fn hanging_calls(context: &ActContext<'_>) -> anyhow::Result<()> {
    let call = json!({"call": {"url": context.service.hanging(), "timeout_ms": 60_000}});
    hostile(context, &vec![json!({"join": vec![call; 1_000]}); 3])
}

pub(super) fn withheld_bytes(context: &ActContext<'_>) -> anyhow::Result<()> {
    let call = json!({"call": {"url": context.service.withholding(), "timeout_ms": 60_000}});
    hostile(context, &vec![json!({"join": vec![call; 30]}); 4])
}

pub(super) fn timers(context: &ActContext<'_>) -> anyhow::Result<()> {
    let script = json!({"join": vec![json!({"sleep": 3_000}); 3_000]});
    hostile(context, &[script.clone(), script])
}

/// Starts these runs, waits for a while, and cancels them.
fn hostile(context: &ActContext<'_>, scripts: &[Value]) -> anyhow::Result<()> {
    let mut api = Api::new(context.host);
    let mut runs = Vec::new();
    for script in scripts {
        let key = format!("hostile-{}", context.next_run());
        runs.push(api.start(WORKFLOW, &key, script)?);
    }
    let until = Moment::now().after(DEFAULT_DURATION);
    while !until.is_past() && !context.is_interrupted() {
        pause(Duration::from_millis(100));
    }
    for run in &runs {
        api.cancel(run)?;
    }
    Ok(())
}
