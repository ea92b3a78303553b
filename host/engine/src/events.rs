//! The interface `events`: waiting for events, and sending them.

use dormouse_journal::{Arguments, Kind, Outcome};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::events::{Duration, Host, HostWithStore, Payload};
use crate::guest::Guest;
use crate::wait::Wait;

impl Host for Guest {}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn wait_for_event(
        accessor: &Accessor<Guest, Self>,
        step: String,
        event: String,
        timeout: Option<Duration>,
    ) -> wasmtime::Result<Option<Payload>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        shared.lock().check_event(&event)?;
        let kind = Kind::WaitForEvent {
            event: event.clone(),
            timeout,
        };
        let arguments = Arguments::WaitForEvent { event, timeout };
        let wait = Wait::start(&shared, "wait-for-event", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Event(event) => Some(event.map(Payload::from)),
            _ => None,
        })
        .await
    }

    async fn notify(
        accessor: &Accessor<Guest, Self>,
        step: String,
        event: String,
        run: Option<String>,
        payload: Payload,
    ) -> wasmtime::Result<u32> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        {
            let size = run.as_ref().map_or(0, String::len)
                + payload.content_type.len()
                + payload.body.len();
            let mut state = shared.lock();
            state.check_event(&event)?;
            state.check_value("the event", size)?;
        }
        let kind = Kind::Notify {
            event: event.clone(),
            run: run.clone(),
        };
        let arguments = Arguments::Notify {
            event,
            run,
            payload: payload.into(),
        };
        let wait = Wait::start(&shared, "notify", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Notified(count) => Some(count),
            _ => None,
        })
        .await
    }
}
