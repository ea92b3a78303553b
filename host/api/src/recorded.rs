//! Converts the journal's records to the API's types. Bodies are limited, and credentials are left out.

use dormouse_journal::{CallError, Kind, Payload, Request, Response, RunOutcome};

use super::journal::{
    Activation, Completion, End, Operation, OperationDetails, Outcome, RequestView, ResponseView,
    StepOutcome,
};
use super::{Dates, Failure, Showing, Timestamp};

impl Activation {
    /// Returns the shown form of a recorded activation. `first` is the number of its first operation.
    pub fn of(
        number: u32,
        first: u32,
        activation: &dormouse_journal::Activation,
        page: &mut Showing,
    ) -> Self {
        let dates = Dates::at(activation.moment());
        let completion = activation.completion.as_ref().map(|completion| Completion {
            operation: completion.operation.0,
            outcome: Outcome::of(&completion.outcome, dates, page),
        });
        let operations = (first..)
            .zip(&activation.operations)
            .map(|(number, operation)| Operation {
                operation: number,
                step: operation.step.clone(),
                digest: operation.digest.to_string(),
                details: OperationDetails::of(&operation.kind, page),
            })
            .collect();
        Activation {
            activation: number,
            time: Timestamp(activation.moment().wall()),
            completion,
            operations,
            log_lines: activation.log_lines,
            end: activation.end.as_ref().map(|end| End::of(end, page)),
        }
    }
}

impl Outcome {
    fn of(outcome: &dormouse_journal::Outcome, dates: Dates, page: &mut Showing) -> Self {
        use dormouse_journal::Outcome as Recorded;
        match outcome {
            Recorded::Delivery(Some(delivery)) => Outcome::Delivery {
                id: delivery.id.clone(),
                accepted: dates.of(delivery.accepted),
                request: RequestView::of(&delivery.request, page),
            },
            Recorded::Event(Some(Payload { content_type, body })) => Outcome::Event {
                content_type: content_type.clone(),
                body: page.bytes(body),
            },
            Recorded::Delivery(None) | Recorded::Event(None) => Outcome::None,
            Recorded::Response(Ok(response)) => Outcome::Response(ResponseView::of(response, page)),
            Recorded::Response(Err(error)) => Outcome::Error {
                code: call_error_code(error).into(),
                message: call_error_message(error),
            },
            Recorded::Slept => Outcome::Slept,
            Recorded::Notified(reached) => Outcome::Notified { reached: *reached },
            Recorded::Started(Ok(run)) => Outcome::Started { run: run.clone() },
            Recorded::RunCancelled(Ok(alive)) => Outcome::Cancelled { alive: *alive },
            Recorded::CancelAsked(Some(reason)) => Outcome::CancelAsked {
                reason: reason.clone(),
            },
            Recorded::RunEnded(Ok(Some(outcome))) => Outcome::of_run(outcome, page),
            Recorded::RunEnded(Ok(None)) | Recorded::CancelAsked(None) => Outcome::None,
            Recorded::Started(Err(failure))
            | Recorded::RunEnded(Err(failure))
            | Recorded::RunCancelled(Err(failure)) => Outcome::Refused(failure_of(failure, None)),
        }
    }

    fn of_run(outcome: &RunOutcome, page: &mut Showing) -> Self {
        match outcome {
            RunOutcome::Completed(Payload { content_type, body }) => Outcome::RunCompleted {
                content_type: content_type.clone(),
                body: page.bytes(body),
            },
            RunOutcome::Failed(failure) => Outcome::RunFailed(failure_of(failure, None)),
            RunOutcome::Cancelled(reason) => Outcome::RunCancelled {
                reason: reason.clone(),
            },
            RunOutcome::Gone => Outcome::RunGone,
            RunOutcome::Other(failure) => Outcome::Refused(failure_of(failure, None)),
        }
    }
}

impl RequestView {
    fn of(request: &Request, page: &mut Showing) -> Self {
        RequestView {
            method: request.method.clone(),
            url: request.url.clone(),
            headers: page.headers(&request.headers),
            body: page.bytes(&request.body),
        }
    }
}

impl ResponseView {
    fn of(response: &Response, page: &mut Showing) -> Self {
        ResponseView {
            status: response.status,
            headers: page.headers(&response.headers),
            body: page.bytes(&response.body),
        }
    }
}

impl OperationDetails {
    pub(super) fn of(kind: &Kind, page: &mut Showing) -> Self {
        match kind {
            Kind::CreateWebhook {
                webhook,
                url,
                options,
            } => OperationDetails::CreateWebhook {
                webhook: webhook.0,
                url: url.clone(),
                options: Box::new(options.into()),
            },
            Kind::WaitForWebhook { webhook, timeout } => OperationDetails::WaitForWebhook {
                webhook: webhook.0,
                timeout_ms: *timeout,
            },
            Kind::CloseWebhook { webhook } => OperationDetails::CloseWebhook { webhook: webhook.0 },
            Kind::Respond { delivery, status } => OperationDetails::Respond {
                delivery: delivery.clone(),
                status: *status,
            },
            Kind::Call { method, url, retry } => OperationDetails::Call {
                method: method.clone(),
                url: url.clone(),
                attempts: retry.attempts,
                give_up_after_ms: retry.give_up_after,
            },
            Kind::Sleep { duration } => OperationDetails::Sleep {
                duration_ms: *duration,
            },
            Kind::SleepUntil { instant } => OperationDetails::SleepUntil {
                until: Timestamp(*instant),
            },
            Kind::WaitForEvent { event, timeout } => OperationDetails::WaitForEvent {
                event: event.clone(),
                timeout_ms: *timeout,
            },
            Kind::Notify { event, run } => OperationDetails::Notify {
                event: event.clone(),
                run: run.clone(),
            },
            Kind::Begin { outcome } => OperationDetails::Begin {
                outcome: outcome.as_ref().map(|outcome| match outcome {
                    Ok(value) => StepOutcome::Value(page.bytes(&value.body)),
                    Err(failure) => StepOutcome::Failure(failure_of(failure, None)),
                }),
            },
            Kind::Abandon { operations, .. } => OperationDetails::Abandon {
                operations: operations.iter().map(|operation| operation.0).collect(),
            },
            Kind::StartRun {
                workflow,
                version,
                when_parent_ends,
            } => OperationDetails::StartRun {
                workflow: workflow.clone(),
                version: version.clone(),
                when_parent_ends: when_parent_ends.name().into(),
            },
            Kind::WaitForRun { run, timeout } => OperationDetails::WaitForRun {
                run: run.clone(),
                timeout_ms: *timeout,
            },
            Kind::CancelRun { run, grace } => OperationDetails::CancelRun {
                run: run.clone(),
                grace_ms: *grace,
            },
            Kind::WaitForCancel { timeout } => OperationDetails::WaitForCancel {
                timeout_ms: *timeout,
            },
        }
    }
}

impl End {
    fn of(end: &dormouse_journal::End, page: &mut Showing) -> Self {
        match end {
            dormouse_journal::End::Completed(Payload { content_type, body }) => End::Completed {
                content_type: content_type.clone(),
                body: page.bytes(body),
            },
            dormouse_journal::End::Failed { failure, backtrace } => {
                End::Failed(failure_of(failure, backtrace.clone()))
            }
        }
    }
}

fn failure_of(failure: &dormouse_journal::Failure, backtrace: Option<String>) -> Failure {
    Failure {
        code: failure.code.clone(),
        message: failure.message.clone(),
        backtrace,
    }
}

/// Returns the contract's name for a call's error.
pub fn call_error_code(error: &CallError) -> &'static str {
    match error {
        CallError::Denied(_) => "denied",
        CallError::Invalid(_) => "invalid",
        CallError::TimedOut => "timed-out",
        CallError::Unreachable(_) => "unreachable",
        CallError::TooLarge(_) => "too-large",
        CallError::Interrupted => "interrupted",
        CallError::Abandoned => "abandoned",
        CallError::Other(_) => "other",
    }
}

fn call_error_message(error: &CallError) -> Option<String> {
    match error {
        CallError::Denied(why) | CallError::Invalid(why) | CallError::Unreachable(why) => {
            Some(why.clone())
        }
        CallError::TooLarge(size) => Some(format!("larger than {size} bytes")),
        CallError::Other(failure) => Some(format!("{}: {}", failure.code, failure.message)),
        CallError::TimedOut | CallError::Interrupted | CallError::Abandoned => None,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use dormouse_journal::{Activation as Recorded, Completion as RecordedCompletion};
    use dormouse_journal::{
        Delivery, Digest, Fields, OperationNumber, Reply, Signature, Time, WebhookNumber,
    };

    use super::*;
    use crate::Mask;

    fn activation(
        completion: Option<dormouse_journal::Outcome>,
        kinds: Vec<Kind>,
        end: Option<dormouse_journal::End>,
    ) -> Recorded {
        let operation = |kind| dormouse_journal::Operation {
            step: "s".into(),
            digest: Digest::of(&1),
            kind,
            fields: Fields::default(),
        };
        Recorded {
            time: Time(1_000),
            completion: completion.map(|outcome| RecordedCompletion {
                operation: OperationNumber(4),
                outcome,
            }),
            operations: kinds.into_iter().map(operation).collect(),
            shift: 0,
            log_lines: 1,
            end,
            origin: None,
        }
    }

    fn show(activation: &Recorded) -> String {
        let shown = Activation::of(2, 7, activation, &mut Showing::new(Mask::default()));
        serde_json::to_string_pretty(&shown).unwrap()
    }

    fn request() -> Request {
        Request {
            method: "POST".into(),
            url: "https://hooks.example/hooks/AAEB?x=1".into(),
            headers: vec![
                ("authorization".into(), Bytes::from_static(b"Bearer hidden")),
                ("x-a".into(), Bytes::from_static(b"1")),
            ],
            body: Bytes::from_static(b"{}"),
        }
    }

    #[test]
    fn a_delivery_and_what_came_of_it() {
        let delivery = Delivery {
            id: "d".into(),
            accepted: Time(900),
            request: request(),
        };
        let url = "https://hooks.example/hooks/AAEB".to_owned();
        let webhook = WebhookNumber(0);
        let shown = show(&activation(
            Some(dormouse_journal::Outcome::Delivery(Some(delivery))),
            vec![
                Kind::CreateWebhook {
                    webhook,
                    url,
                    options: dormouse_journal::WebhookOptions {
                        methods: vec!["POST".into()],
                        signature: Some(Signature {
                            provider: "hmac-sha256".into(),
                            secrets: vec!["old".into(), "new".into()],
                            settings: vec![("header".into(), "X-Mine".into())],
                        }),
                        handshake: Some("microsoft-graph".into()),
                        reply: Reply::FromWorkflow(5_000),
                        ..dormouse_journal::WebhookOptions::default()
                    },
                },
                Kind::WaitForWebhook {
                    webhook,
                    timeout: Some(5),
                },
                Kind::Begin {
                    outcome: Some(Ok(Payload {
                        content_type: String::new(),
                        body: "1".into(),
                    })),
                },
                Kind::Begin { outcome: None },
                Kind::SleepUntil {
                    instant: Time(2_000),
                },
            ],
            None,
        ));
        assert!(!shown.contains("hidden"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn an_error_and_the_end() {
        let failure = dormouse_journal::Failure {
            code: "trap".into(),
            message: "m".into(),
        };
        insta::assert_snapshot!(show(&activation(
            Some(dormouse_journal::Outcome::Response(Err(CallError::Denied(
                "private".into()
            )))),
            Vec::new(),
            Some(dormouse_journal::End::Failed {
                failure,
                backtrace: Some("0: run".into())
            }),
        )));
    }

    #[test]
    fn a_shown_record_can_be_read_back() {
        let delivery = Delivery {
            id: "d".into(),
            accepted: Time(900),
            request: request(),
        };
        let recorded = activation(
            Some(dormouse_journal::Outcome::Delivery(Some(delivery))),
            vec![
                Kind::Sleep { duration: 5 },
                Kind::Notify {
                    event: "e".into(),
                    run: None,
                },
            ],
            Some(dormouse_journal::End::Completed(Payload::default())),
        );
        let shown = Activation::of(2, 7, &recorded, &mut Showing::new(Mask::default()));
        let text = serde_json::to_string(&shown).unwrap();
        assert_eq!(serde_json::from_str::<Activation>(&text).unwrap(), shown);
    }
}
