//! Descriptions of what a run waits for.

use super::operation::OperationRequest;
use super::world::{Operation, World};

impl Operation {
    /// Describes for people what the operation waits for.
    pub(crate) fn line(&self, world: &World) -> String {
        let step = &self.step;
        match &self.asked {
            OperationRequest::Webhook { id, .. } => {
                let hook = world.hooks.iter().find(|hook| hook.webhook.id == *id);
                let name = hook.map_or(id.as_str(), |hook| &hook.step);
                format!("a request to the webhook {name:?}")
            }
            OperationRequest::Call(call) => {
                format!("the call {step:?} ({} {})", call.0.method, call.0.url)
            }
            OperationRequest::Sleep(_) | OperationRequest::SleepUntil(_) => {
                format!("the timer {step:?}")
            }
            OperationRequest::Event { event, .. } => format!("the event {event:?}"),
            OperationRequest::Notify { event, .. } => format!("the event {event:?} to be sent"),
            OperationRequest::Start(start) => format!("a run of {:?} to be started", start.0),
            OperationRequest::Run { run, .. } => format!("the end of the run {run}"),
            OperationRequest::CancelRun(run, _) => format!("the run {run} to be cancelled"),
            OperationRequest::Cancel { .. } => "being cancelled".into(),
        }
    }
}
