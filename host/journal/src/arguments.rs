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
