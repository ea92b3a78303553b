//! The arguments that a guest passes to an operation.

use serde::Serialize;

use crate::{
    CallOptions, CancelOptions, Digest, Header, OperationNumber, Payload, Request, Response,
    StartOptions, Time, WebhookNumber, WebhookOptions,
};

/// The complete arguments of an operation. Only their digest and the smaller [`Kind`](crate::Kind) are recorded. A
/// journal that repeated every request body would be twice as large without a benefit, because replay only needs to
/// know whether the arguments are the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Arguments {
    /// `create-webhook`
    CreateWebhook(WebhookOptions),
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook.
        webhook: WebhookNumber,
        /// The timeout in milliseconds.
        timeout: Option<u64>,
    },
    /// `close-webhook`
    CloseWebhook(WebhookNumber),
    /// `respond`
    Respond {
        /// The delivery.
        delivery: String,
        /// The response for its caller.
        response: Response,
    },
    /// `call`
    Call {
        /// The request that is sent.
        request: Request,
        /// The options of the call.
        options: CallOptions,
    },
    /// `sleep`, in milliseconds
    Sleep(u64),
    /// `sleep-until`
    SleepUntil(Time),
    /// `wait-for-event`
    WaitForEvent {
        /// The name of the event.
        event: String,
        /// The timeout in milliseconds.
        timeout: Option<u64>,
    },
    /// `notify`
    Notify {
        /// The name of the event.
        event: String,
        /// The run that the event is for. None for all runs that wait for it.
        run: Option<String>,
        /// The payload of the event.
        payload: Payload,
    },
    /// `begin`
    Begin,
    /// `abandon`, or a dropped future
    Abandon {
        /// The operations that are given up.
        operations: Vec<OperationNumber>,
        /// True if the guest dropped the futures, so that no result comes back.
        dropped: bool,
    },
    /// `start-run`
    StartRun {
        /// The name of the workflow.
        workflow: String,
        /// The input of the run.
        input: Payload,
        /// The options of the start.
        options: StartOptions,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run.
        run: String,
        /// The timeout in milliseconds.
        timeout: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run.
        run: String,
        /// The options of the cancel.
        options: CancelOptions,
    },
    /// `wait-for-cancel`, with a timeout in milliseconds
    WaitForCancel(Option<u64>),
}

impl Arguments {
    /// Returns about how many bytes are hashed for the digest. Only the arguments that may be large are counted.
    #[must_use]
    pub fn volume(&self) -> usize {
        let of_headers = |headers: &[Header]| -> usize {
            let sizes = headers.iter().map(|(name, value)| name.len() + value.len());
            sizes.sum()
        };
        match self {
            Arguments::Respond { response, .. } => {
                response.body.len() + of_headers(&response.headers)
            }
            Arguments::Call { request, .. } => {
                request.body.len() + request.url.len() + of_headers(&request.headers)
            }
            Arguments::Notify { payload, .. } => payload.body.len(),
            Arguments::StartRun { input, .. } => input.body.len(),
            Arguments::CreateWebhook(_)
            | Arguments::WaitForWebhook { .. }
            | Arguments::CloseWebhook(_)
            | Arguments::Sleep(_)
            | Arguments::SleepUntil(_)
            | Arguments::WaitForEvent { .. }
            | Arguments::Begin
            | Arguments::Abandon { .. }
            | Arguments::WaitForRun { .. }
            | Arguments::CancelRun { .. }
            | Arguments::WaitForCancel(_) => 0,
        }
    }

    /// Returns the digest that replay compares.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WhenParentEnds;

    /// The options of `start-run` before a run could be given headers.
    #[derive(Serialize)]
    struct OptionsBefore {
        version: Option<String>,
        when_parent_ends: WhenParentEnds,
        timeout: Option<u64>,
        labels: Vec<String>,
    }

    /// An enum in which `start-run` has the same place as among the arguments.
    #[derive(Serialize)]
    #[allow(dead_code, reason = "only the place counts")]
    enum Before {
        A,
        B,
        C,
        D,
        E,
        F,
        G,
        H,
        I,
        J,
        K,
        StartRun {
            workflow: String,
            input: Payload,
            options: OptionsBefore,
        },
    }

    #[test]
    fn a_start_without_headers_is_repeated_by_what_was_recorded_before_there_were_any() {
        let (workflow, input) = ("w".to_owned(), Payload::default());
        let (timeout, labels) = (Some(7), vec!["a:b".to_owned()]);
        let before = Before::StartRun {
            workflow: workflow.clone(),
            input: input.clone(),
            options: OptionsBefore {
                version: None,
                when_parent_ends: WhenParentEnds::Leave,
                timeout,
                labels: labels.clone(),
            },
        };
        let now = |headers| Arguments::StartRun {
            workflow: workflow.clone(),
            input: input.clone(),
            options: StartOptions {
                version: None,
                when_parent_ends: WhenParentEnds::Leave,
                timeout,
                labels: labels.clone(),
                headers,
            },
        };
        assert_eq!(now(Vec::new()).digest(), Digest::of(&before));
        let header = ("x-a".to_owned(), "b".into());
        assert_ne!(now(vec![header]).digest(), Digest::of(&before));
    }
}
