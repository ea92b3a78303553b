//! Generations of a run: each begins with an input and an empty journal.
//!
//! Activations, operations and webhooks are numbered on from one generation to the next. So a row or a late report that
//! names one of them never refers to another one of a later generation.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{OperationNumber, Payload, WebhookNumber};

/// The beginning of the next generation, as a run asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextGeneration {
    /// The input with which the guest is called.
    pub input: Payload,
    /// The webhooks that are kept, in the order of their numbers, each once.
    pub keep: Vec<WebhookNumber>,
    /// The number of the next webhook.
    pub first_webhook: WebhookNumber,
    /// The number of webhooks of the generation that ends: those that it took over, and those that it created.
    pub webhooks: u32,
    /// True if the run continues on the current version of its workflow.
    pub on_current_version: bool,
}

/// The beginning of a generation, without its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The number of the generation's first operation.
    pub first_operation: OperationNumber,
    /// The number of the first webhook that the generation creates.
    pub first_webhook: WebhookNumber,
    /// The webhooks that the generation took over, in the order of their numbers.
    pub kept: Vec<KeptWebhook>,
    /// True if the run had been asked to cancel before, so that every wait for that completes.
    pub cancel_asked: bool,
}

impl Default for Beginning {
    /// Returns the beginning of a run.
    fn default() -> Self {
        Beginning {
            first_operation: OperationNumber(0),
            first_webhook: WebhookNumber(0),
            kept: Vec::new(),
            cancel_asked: false,
        }
    }
}

/// A webhook that is kept from one generation to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptWebhook {
    /// The number of the webhook.
    pub number: WebhookNumber,
    /// The step name that the author gave the webhook.
    pub step: String,
    /// The URL of the webhook.
    pub url: String,
    /// True if the workflow answers the webhook's callers.
    pub takes_answers: bool,
}

/// Returns the key of a generation's random numbers. The first generation, which has the number 0, has the key of its
/// run.
#[must_use]
pub fn generation_key(run: [u8; 32], generation: u32) -> [u8; 32] {
    if generation == 0 {
        return run;
    }
    let hash = Sha256::new_with_prefix(b"dormouse generation");
    let hash = hash
        .chain_update(run)
        .chain_update(generation.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_generation_has_a_key_of_its_own() {
        let run = [7; 32];
        let keys = [0, 1, 2].map(|generation| generation_key(run, generation));
        assert_eq!(keys[0], run);
        assert_ne!(keys[1], keys[0]);
        assert_ne!(keys[2], keys[1]);
        assert_ne!(generation_key([8; 32], 1), keys[1]);
    }
}
