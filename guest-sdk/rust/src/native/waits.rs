//! Descriptions of what a run waits for.

use super::operation::Asked;
use super::world::{Operation, World};

impl Operation {
    /// Describes for people what the operation waits for.
    pub(crate) fn line(&self, world: &World) -> String {
        let step = &self.step;
        match &self.asked {
            Asked::Webhook { id, .. } => {
                let hook = world.hooks.iter().find(|hook| hook.webhook.id == *id);
                let name = hook.map_or(id.as_str(), |hook| &hook.step);
                format!("a request to the webhook {name:?}")
            }
            Asked::Call(call) => format!("the call {step:?} ({} {})", call.0.method, call.0.url),
            Asked::Sleep(_) | Asked::SleepUntil(_) => format!("the timer {step:?}"),
            Asked::Event { event, .. } => format!("the event {event:?}"),
            Asked::Notify { event, .. } => format!("the event {event:?} to be sent"),
            Asked::Start(start) => format!("a run of {:?} to be started", start.0),
            Asked::Run { run, .. } => format!("the end of the run {run}"),
            Asked::CancelRun(run, _) => format!("the run {run} to be cancelled"),
            Asked::Cancel { .. } => "being cancelled".into(),
        }
    }
}
