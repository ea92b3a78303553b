//! The imports of the contract as a test plays them, with one module for each interface. The types are
//! those of the contract.

#![allow(clippy::panic, reason = "what is wrong in an author's test fails it")]

mod awaited;
mod instance;
mod operation;
mod waits;
mod world;

pub(crate) use instance::Instance;
pub(crate) use instance::Make;
pub(crate) use operation::{OperationRequest, Outcome};
pub(crate) use world::{Beginning, Child, Hook, World};

pub(crate) use crate::bindings::dormouse::workflow::types;

pub(crate) mod context {
    pub(crate) use crate::bindings::dormouse::workflow::context::*;

    use crate::bindings::dormouse::workflow::types::Failure;
    use crate::native::World;

    pub(crate) fn current_run() -> Run {
        World::with(|world| world.run())
    }

    pub(crate) fn start_request() -> Option<TriggerRequest> {
        World::with(|world| world.request())
    }

    pub(crate) fn now() -> u64 {
        World::with(|world| world.now)
    }

    pub(crate) fn random(length: u32) -> Vec<u8> {
        World::with(|world| world.random(length))
    }

    pub(crate) fn log(level: Level, message: &str) {
        World::with(|world| world.log.push((level, message.to_owned())));
    }

    pub(crate) fn set_label(label: &str) -> Result<(), Failure> {
        World::with(|world| world.set_label(label))
    }
}

pub(crate) mod webhooks {
    pub(crate) use crate::bindings::dormouse::workflow::webhooks::*;

    use crate::native::awaited::awaited;
    use crate::native::{OperationRequest, Outcome, World};

    pub(crate) fn create_webhook(step: &str, options: &WebhookOptions) -> Webhook {
        World::with(|world| world.create_webhook(step, options))
    }

    pub(crate) async fn wait_for_webhook(
        step: String,
        webhook_id: String,
        timeout: Option<u64>,
    ) -> Option<Delivery> {
        let asked = OperationRequest::Webhook {
            id: webhook_id,
            timeout,
        };
        match awaited(step, asked).await {
            Outcome::Delivery(delivery) => delivery,
            other => other.misplaced(),
        }
    }

    pub(crate) fn respond(
        step: &str,
        delivery_id: &str,
        response: &crate::bindings::dormouse::workflow::types::Response,
    ) {
        World::with(|world| world.respond(step, delivery_id, response));
    }

    pub(crate) fn close_webhook(step: &str, webhook_id: &str) {
        World::with(|world| world.close_webhook(step, webhook_id));
    }
}

pub(crate) mod http {
    pub(crate) use crate::bindings::dormouse::workflow::http::*;

    use crate::bindings::dormouse::workflow::types::{Request, Response};
    use crate::native::awaited::awaited;
    use crate::native::{OperationRequest, Outcome};

    pub(crate) async fn call(
        step: String,
        request: Request,
        options: CallOptions,
    ) -> Result<Response, CallError> {
        let asked = OperationRequest::Call(Box::new((request, options)));
        match awaited(step, asked).await {
            Outcome::Response(result) => *result,
            other => other.misplaced(),
        }
    }
}

pub(crate) mod timers {
    use crate::native::awaited::awaited;
    use crate::native::{OperationRequest, Outcome};

    pub(crate) async fn sleep(step: String, duration: u64) {
        match awaited(step, OperationRequest::Sleep(duration)).await {
            Outcome::Slept => {}
            other => other.misplaced(),
        }
    }

    pub(crate) async fn sleep_until(step: String, instant: u64) {
        match awaited(step, OperationRequest::SleepUntil(instant)).await {
            Outcome::Slept => {}
            other => other.misplaced(),
        }
    }
}

pub(crate) mod events {
    use crate::bindings::dormouse::workflow::types::Payload;
    use crate::native::awaited::awaited;
    use crate::native::{OperationRequest, Outcome};

    pub(crate) async fn wait_for_event(
        step: String,
        event: String,
        timeout: Option<u64>,
    ) -> Option<Payload> {
        match awaited(step, OperationRequest::Event { event, timeout }).await {
            Outcome::Event(payload) => payload,
            other => other.misplaced(),
        }
    }

    pub(crate) async fn notify(
        step: String,
        event: String,
        run: Option<String>,
        payload: Payload,
    ) -> u32 {
        let asked = OperationRequest::Notify {
            event,
            run,
            payload,
        };
        match awaited(step, asked).await {
            Outcome::Notified(reached) => reached,
            other => other.misplaced(),
        }
    }
}

pub(crate) mod steps {
    use crate::bindings::dormouse::workflow::types::{Failure, Payload};
    use crate::native::World;

    pub(crate) fn begin(step: &str) -> Option<Result<Payload, Failure>> {
        World::with(|world| world.begin_step(step))
    }

    pub(crate) fn finish(step: &str, outcome: Result<&Payload, &Failure>) {
        World::with(|world| world.finish_step(step, outcome.cloned().map_err(Failure::clone)));
    }
}

pub(crate) mod runs {
    pub(crate) use crate::bindings::dormouse::workflow::runs::*;

    use crate::bindings::dormouse::workflow::types::{Failure, Payload};
    use crate::native::awaited::awaited;
    use crate::native::instance::Continued;
    use crate::native::{OperationRequest, Outcome, World};

    pub(crate) async fn start_run(
        step: String,
        workflow: String,
        input: Payload,
        options: StartOptions,
    ) -> Result<String, Failure> {
        let asked = OperationRequest::Start(Box::new((workflow, input, options)));
        match awaited(step, asked).await {
            Outcome::Started(result) => result,
            other => other.misplaced(),
        }
    }

    pub(crate) async fn wait_for_run(
        step: String,
        run: String,
        timeout: Option<u64>,
    ) -> Result<Option<RunOutcome>, Failure> {
        match awaited(step, OperationRequest::Run { run, timeout }).await {
            Outcome::RunEnded(result) => result,
            other => other.misplaced(),
        }
    }

    pub(crate) async fn cancel_run(
        step: String,
        run: String,
        options: CancelOptions,
    ) -> Result<bool, Failure> {
        match awaited(step, OperationRequest::CancelRun(run, options)).await {
            Outcome::RunCancelled(result) => result,
            other => other.misplaced(),
        }
    }

    pub(crate) async fn wait_for_cancel(step: String, timeout: Option<u64>) -> Option<String> {
        match awaited(step, OperationRequest::Cancel { timeout }).await {
            Outcome::CancelAsked(reason) => reason,
            other => other.misplaced(),
        }
    }

    pub(crate) fn continue_as_new(input: &Payload, options: &ContinueOptions) {
        World::with(|world| world.continue_as_new(input, options));
        // The host stops a guest here, so no code of the workflow may run after it.
        std::panic::resume_unwind(Box::new(Continued));
    }

    pub(crate) fn kept_webhooks() -> Vec<KeptWebhook> {
        World::with(|world| world.kept_webhooks())
    }
}
