//! The interface `runs`: starting other runs, waiting for them, and cancelling them.

use std::collections::BTreeSet;

use dormouse_journal::{self as journal, Arguments, Kind, NextGeneration, Outcome, WhenParentEnds};
use wasmtime::component::{Accessor, HasSelf};

use crate::bindings::dormouse::workflow::runs::{
    CancelOptions, ContinueOptions, Duration, Failure, Host, HostWithStore, KeptWebhook, Payload,
    RunOutcome, StartOptions, Webhook,
};
use crate::guest::Guest;
use crate::settings;
use crate::stop::Stop;
use crate::wait::Wait;

/// The longest reason of a cancel, in bytes.
const REASON: usize = 1_024;

/// The longest text of a label that gives an error value, in bytes. A longer text stops the guest. No valid label is as
/// long.
const LABEL: usize = 1_024;

/// The largest size of the names and values of all headers of a run together, in bytes. They are in the run's row,
/// which is read whenever the run is read. The number of headers is bounded by the number of settings.
const HEADERS: usize = 32 << 10;

/// The longest text that names a run, in bytes. An id has 36.
const RUN: usize = 64;

impl Host for Guest {
    fn continue_as_new(
        &mut self,
        input: Payload,
        options: ContinueOptions,
    ) -> wasmtime::Result<()> {
        settings::refuse_unknown("continue-as-new", &options.settings, &[])?;
        let mut state = self.shared.lock();
        state.check_outside_step("continue-as-new")?;
        state.check_value("the input", input.content_type.len() + input.body.len())?;
        let keep = options.keep.iter();
        let keep: Result<BTreeSet<_>, _> = keep
            .map(|id| state.webhook("continue-as-new", id))
            .collect();
        let next = NextGeneration {
            input: input.into(),
            keep: keep?.into_iter().collect(),
            first_webhook: state.webhooks.unused(),
            webhooks: u32::try_from(state.webhooks_in_store()).unwrap_or(u32::MAX),
            on_current_version: options.on_current_version,
        };
        Err(Stop::Continue(Box::new(next)).into())
    }

    fn kept_webhooks(&mut self) -> wasmtime::Result<Vec<KeptWebhook>> {
        let state = self.shared.lock();
        state.check_outside_step("kept-webhooks")?;
        let kept = state.beginning.kept.iter().map(|kept| KeptWebhook {
            step: kept.step.clone(),
            webhook: Webhook {
                id: kept.number.to_string(),
                url: kept.url.clone(),
            },
        });
        Ok(kept.collect())
    }
}

impl HostWithStore<Guest> for HasSelf<Guest> {
    async fn start_run(
        accessor: &Accessor<Guest, Self>,
        step: String,
        workflow: String,
        input: Payload,
        options: StartOptions,
    ) -> wasmtime::Result<Result<String, Failure>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let options = checked_start(options)?;
        {
            let mut state = shared.lock();
            state.check_name("the workflow's name", &workflow)?;
            let headers = options.headers.iter();
            let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
            let size = input.content_type.len() + input.body.len() + headers;
            state.check_value("the input", size)?;
        }
        let kind = Kind::StartRun {
            workflow: workflow.clone(),
            version: options.version.clone(),
            when_parent_ends: options.when_parent_ends,
        };
        let arguments = Arguments::StartRun {
            workflow,
            input: input.into(),
            options,
        };
        let wait = Wait::start(&shared, "start-run", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::Started(started) => Some(started.map_err(Failure::from)),
            _ => None,
        })
        .await
    }

    async fn wait_for_run(
        accessor: &Accessor<Guest, Self>,
        step: String,
        run: String,
        timeout: Option<Duration>,
    ) -> wasmtime::Result<Result<Option<RunOutcome>, Failure>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        check_run("wait-for-run", &run)?;
        let kind = Kind::WaitForRun {
            run: run.clone(),
            timeout,
        };
        let arguments = Arguments::WaitForRun { run, timeout };
        let wait = Wait::start(&shared, "wait-for-run", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::RunEnded(Ok(outcome)) => Some(Ok(outcome.map(RunOutcome::from))),
            Outcome::RunEnded(Err(failure)) => Some(Err(failure.into())),
            _ => None,
        })
        .await
    }

    async fn cancel_run(
        accessor: &Accessor<Guest, Self>,
        step: String,
        run: String,
        options: CancelOptions,
    ) -> wasmtime::Result<Result<bool, Failure>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        check_run("cancel-run", &run)?;
        let options = checked_cancel(options)?;
        let kind = Kind::CancelRun {
            run: run.clone(),
            grace: options.grace,
        };
        let arguments = Arguments::CancelRun { run, options };
        let wait = Wait::start(&shared, "cancel-run", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::RunCancelled(cancelled) => Some(cancelled.map_err(Failure::from)),
            _ => None,
        })
        .await
    }

    async fn wait_for_cancel(
        accessor: &Accessor<Guest, Self>,
        step: String,
        timeout: Option<Duration>,
    ) -> wasmtime::Result<Option<String>> {
        let shared = accessor.with(|mut access| access.get().shared.clone());
        let kind = Kind::WaitForCancel { timeout };
        let arguments = Arguments::WaitForCancel(timeout);
        let wait = Wait::start(&shared, "wait-for-cancel", step, arguments, kind)?;
        wait.outcome(|outcome| match outcome {
            Outcome::CancelAsked(reason) => Some(reason),
            _ => None,
        })
        .await
    }
}

fn checked_start(options: StartOptions) -> Result<journal::StartOptions, Stop> {
    settings::refuse_unknown("start-run", &options.settings, &["label", "header"])?;
    let (labels, headers): (Vec<_>, Vec<_>) = options
        .settings
        .into_iter()
        .partition(|(name, _)| name == "label");
    let labels: Vec<String> = labels.into_iter().map(|(_, text)| text).collect();
    let headers = headers.iter().map(|(_, text)| header(text));
    let headers: Vec<_> = headers.collect::<Result<_, Stop>>()?;
    let sizes = headers.iter().map(|(name, value)| name.len() + value.len());
    let size: usize = sizes.sum();
    if size > HEADERS {
        return Err(Stop::Misuse(format!(
            "`start-run` was given headers of {size} bytes; it takes at most {HEADERS} in all. Give the run more in its input"
        )));
    }
    if let Some(label) = labels.iter().find(|label| label.len() > LABEL) {
        return Err(Stop::Misuse(format!(
            "`start-run` was given a label of {} bytes; it takes at most {LABEL}",
            label.len()
        )));
    }
    if let Some(version) = &options.version
        && version.len() > RUN
    {
        return Err(Stop::Misuse(format!(
            "`start-run` was given a version of {} bytes; a version is a SHA-256 in hexadecimal, of 64",
            version.len()
        )));
    }
    let when_parent_ends = options.when_parent_ends.as_deref().map(|name| {
        settings::by_name(
            "start-run",
            "`when-parent-ends`",
            name,
            &WhenParentEnds::ALL,
            WhenParentEnds::name,
        )
    });
    Ok(journal::StartOptions {
        version: options.version,
        when_parent_ends: when_parent_ends.transpose()?.unwrap_or_default(),
        timeout: options.timeout,
        labels,
        headers,
    })
}

/// Reads a header `name: value`.
fn header(text: &str) -> Result<journal::Header, Stop> {
    let is_of_name = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
    };
    let parts = text.split_once(':').filter(|(name, value)| {
        let is_line = !value.contains(['\0', '\r', '\n']);
        !name.is_empty() && name.bytes().all(is_of_name) && is_line
    });
    let (name, value) = parts.ok_or_else(|| {
        Stop::Misuse(format!(
            "`start-run` was given the header {}; it takes `name: value`, with a name in lower case",
            settings::shown(text)
        ))
    })?;
    let value = value.trim().as_bytes().to_vec();
    Ok((name.to_owned(), value.into()))
}

fn checked_cancel(options: CancelOptions) -> Result<journal::CancelOptions, Stop> {
    settings::refuse_unknown("cancel-run", &options.settings, &[])?;
    if let Some(reason) = &options.reason
        && reason.len() > REASON
    {
        return Err(Stop::Misuse(format!(
            "`cancel-run` was given a reason of {} bytes; it takes at most {REASON}",
            reason.len()
        )));
    }
    Ok(journal::CancelOptions {
        grace: options.grace,
        reason: options.reason,
    })
}

fn check_run(import: &str, run: &str) -> Result<(), Stop> {
    if run.len() <= RUN {
        return Ok(());
    }
    Err(Stop::Misuse(format!(
        "`{import}` was given the run {}, which is not the id of a run; `start-run` returns ids",
        settings::shown(run)
    )))
}

impl From<journal::RunOutcome> for RunOutcome {
    fn from(outcome: journal::RunOutcome) -> Self {
        match outcome {
            journal::RunOutcome::Completed(payload) => RunOutcome::Completed(payload.into()),
            journal::RunOutcome::Failed(failure) => RunOutcome::Failed(failure.into()),
            journal::RunOutcome::Cancelled(reason) => RunOutcome::Cancelled(reason),
            journal::RunOutcome::Gone => RunOutcome::Gone,
            journal::RunOutcome::Other(failure) => RunOutcome::Other(failure.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_a_bound_together() {
        let is_taken = |bytes: usize| {
            let half = |bytes: usize| ("header".to_owned(), format!("a:{}", "1".repeat(bytes - 1)));
            let settings = vec![half(bytes / 2), half(bytes - bytes / 2)];
            let options = StartOptions {
                version: None,
                when_parent_ends: None,
                timeout: None,
                settings,
            };
            checked_start(options).is_ok()
        };
        assert!(is_taken(HEADERS));
        assert!(!is_taken(HEADERS + 1));
    }

    #[test]
    fn headers_are_lines_with_a_name_in_lower_case() {
        let read = |text: &str| header(text).ok();
        let of = |name: &str, value: &'static str| Some((name.to_owned(), value.into()));
        assert_eq!(read("x-a: b: c "), of("x-a", "b: c"));
        assert_eq!(read("x-a:"), of("x-a", ""));
        for wrong in ["x-a", "X-A: b", ": b", "x a: b", "x-a: b\r\nx-b: c", ""] {
            assert!(read(wrong).is_none(), "{wrong:?}");
        }
    }
}
