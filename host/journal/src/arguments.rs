//! What a guest passes to an operation.

use serde::Serialize;

use crate::{
    CallOptions, CancelOptions, Digest, OperationNumber, Payload, Request, Response, StartOptions,
    Time, WebhookNumber, WebhookOptions,
};

/// What a guest passed to an operation, whole. Only its digest and the smaller [`Kind`](crate::Kind) are recorded: a journal that
/// repeated every request body would be twice as large for nothing, since replay only asks whether it is the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Arguments {
    /// `create-webhook`
    CreateWebhook(WebhookOptions),
    /// `wait-for-webhook`
    WaitForWebhook {
        /// The webhook.
        webhook: WebhookNumber,
        /// Milliseconds.
        timeout: Option<u64>,
    },
    /// `close-webhook`
    CloseWebhook(WebhookNumber),
    /// `respond`
    Respond {
        /// The delivery.
        delivery: String,
        /// What its caller gets.
        response: Response,
    },
    /// `call`
    Call {
        /// What is sent.
        request: Request,
        /// How.
        options: CallOptions,
    },
    /// `sleep`, in milliseconds
    Sleep(u64),
    /// `sleep-until`
    SleepUntil(Time),
    /// `wait-for-event`
    WaitForEvent {
        /// Its name.
        event: String,
        /// Milliseconds.
        timeout: Option<u64>,
    },
    /// `notify`
    Notify {
        /// Its name.
        event: String,
        /// To this run only.
        run: Option<String>,
        /// What is sent.
        payload: Payload,
    },
    /// `begin`
    Begin,
    /// `abandon`, or a dropped future
    Abandon {
        /// What is given up.
        operations: Vec<OperationNumber>,
        /// Whether the guest dropped the futures, so that nothing is to come back.
        dropped: bool,
    },
    /// `start-run`
    StartRun {
        /// Of this workflow.
        workflow: String,
        /// What it is given.
        input: Payload,
        /// How.
        options: StartOptions,
    },
    /// `wait-for-run`
    WaitForRun {
        /// The run.
        run: String,
        /// Milliseconds.
        timeout: Option<u64>,
    },
    /// `cancel-run`
    CancelRun {
        /// The run.
        run: String,
        /// How.
        options: CancelOptions,
    },
    /// `wait-for-cancel`, with a timeout in milliseconds
    WaitForCancel(Option<u64>),
}

impl Arguments {
    /// What replay compares.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WhenParentEnds;

    /// `start-run` as it was before a run could be given headers.
    #[derive(Serialize)]
    struct OptionsBefore {
        version: Option<String>,
        when_parent_ends: WhenParentEnds,
        timeout: Option<u64>,
        labels: Vec<String>,
    }

    /// In the place that `start-run` has among the arguments.
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
