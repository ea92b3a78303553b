//! The history of a run as a file: everything that its code was given so far, and what the code did.
//!
//! A history lets code be checked against runs elsewhere than on the host that has them. `docs/reference/history-format.md`
//! in the repository specifies the bytes.

use serde::{Deserialize, Serialize};

use crate::codec::{DecodeError, decode, encode};
use crate::{
    Activation, Beginning, GuestLimits, Header, KeptWebhook, Labels, OperationNumber, Payload,
    RunId, Status, Time, TriggerRequest, VersionId, WebhookNumber,
};

/// The first bytes of a history.
const MAGIC: &[u8] = b"dormouse-history\n";

/// The beginning of a history: data about the run, and what its code was called with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryHead {
    /// The id of the run.
    pub run: RunId,
    /// The name of the run's workflow.
    pub workflow: String,
    /// The version that the run executes.
    pub version: VersionId,
    /// The status of the run.
    pub status: Status,
    /// When the run was started.
    pub started: Time,
    /// The headers of the request that started the run, without credentials.
    pub headers: Vec<Header>,
    /// The name of the trigger that started the run, with the method and URL of the request.
    pub trigger: Option<(String, String, String)>,
    /// The key of the random generator of the run's generation.
    pub key: [u8; 32],
    /// The limits with which the run was started.
    pub limits: GuestLimits,
    /// The labels of the run.
    pub labels: Labels,
    /// The size of the run's log in bytes.
    pub logged: u64,
    /// The input of the run, or of its generation.
    pub input: Payload,
    /// The numbers of the first operation and of the first webhook of the generation.
    pub first: (OperationNumber, WebhookNumber),
    /// The webhooks that the generation took over.
    pub kept: Vec<KeptWebhook>,
    /// True if the run had been asked to cancel when the generation began.
    pub cancel_asked: bool,
    /// The number of the first activation.
    pub first_activation: u32,
    /// The number of activations that follow.
    pub activations: u32,
}

/// The history of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The beginning of the history.
    pub head: HistoryHead,
    /// The activations of the run, or of its present generation.
    pub activations: Vec<Activation>,
}

/// Why bytes are not the history of a run.
#[derive(Debug, thiserror::Error)]
pub enum InvalidHistory {
    /// The bytes do not begin like a history.
    #[error("it is not the history of a run, as `dormouse export` writes it")]
    NoHistory,
    /// The history ends too early.
    #[error("the file ends too early: it should have {0} activations")]
    BrokenOff(u32),
    /// A part of the history cannot be decoded.
    #[error(transparent)]
    Unreadable(#[from] DecodeError),
}

impl HistoryHead {
    /// Returns the bytes with which a history begins.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [MAGIC, &framed(&encode(self))].concat()
    }

    /// Returns the beginning of the generation, without its input.
    #[must_use]
    pub fn beginning(&self) -> Beginning {
        let (first_operation, first_webhook) = self.first;
        Beginning {
            first_operation,
            first_webhook,
            kept: self.kept.clone(),
            cancel_asked: self.cancel_asked,
        }
    }

    /// Returns the request to a trigger that started the run.
    #[must_use]
    pub fn trigger_request(&self) -> Option<TriggerRequest> {
        let (trigger, method, url) = self.trigger.clone()?;
        Some(TriggerRequest {
            trigger,
            method,
            url,
            headers: self.headers.clone(),
        })
    }
}

impl History {
    /// Returns the bytes of an activation in a history.
    #[must_use]
    pub fn encode_activation(activation: &Activation) -> Vec<u8> {
        framed(&activation.encode())
    }

    /// Reads a history.
    ///
    /// # Errors
    /// When the bytes are not a history, or end too early.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidHistory> {
        let mut rest = bytes.strip_prefix(MAGIC).ok_or(InvalidHistory::NoHistory)?;
        let head = next(&mut rest).ok_or(InvalidHistory::NoHistory)?;
        let head: HistoryHead = decode(head)?;
        let broken_off = || InvalidHistory::BrokenOff(head.activations);
        let mut activations = Vec::new();
        for _ in 0..head.activations {
            let record = next(&mut rest).ok_or_else(broken_off)?;
            activations.push(Activation::decode(record)?);
        }
        match rest.len() {
            0 => Ok(History { head, activations }),
            count => Err(DecodeError::TrailingBytes { count }.into()),
        }
    }
}

/// Returns a record preceded by its length, in four bytes with the lowest first.
fn framed(record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
    [&length.to_le_bytes()[..], record].concat()
}

/// Removes and returns the next record.
fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (record, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(record)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn history() -> (Vec<u8>, History) {
        let activation = Activation {
            time: Time(5),
            completion: None,
            operations: Vec::new(),
            log_lines: 1,
            end: None,
            shift: -1,
            origin: None,
        };
        let head = HistoryHead {
            run: RunId::new(Time(1), [3; 10]),
            workflow: "w".into(),
            version: VersionId([7; 32]),
            status: Status::Suspended,
            started: Time(1),
            headers: vec![("x-a".into(), Bytes::from_static(b"1"))],
            trigger: Some(("t".into(), "POST".into(), "https://a.example/t".into())),
            key: [4; 32],
            limits: GuestLimits {
                memory: 1,
                stack: 2,
            },
            labels: Labels::default(),
            logged: 9,
            input: Payload {
                content_type: "text/plain".into(),
                body: Bytes::from_static(b"in"),
            },
            first: (OperationNumber(3), WebhookNumber(1)),
            kept: Vec::new(),
            cancel_asked: true,
            first_activation: 2,
            activations: 2,
        };
        let history = History {
            head,
            activations: vec![activation.clone(), activation],
        };
        let mut bytes = history.head.encode();
        for activation in &history.activations {
            bytes.extend(History::encode_activation(activation));
        }
        (bytes, history)
    }

    #[test]
    fn a_history_is_read_as_it_was_written() {
        let (bytes, history) = history();
        assert_eq!(History::decode(&bytes).unwrap(), history);
        let request = history.head.trigger_request().unwrap();
        assert_eq!((request.trigger.as_str(), request.headers.len()), ("t", 1));
        assert_eq!(history.head.beginning().first_operation, OperationNumber(3));
    }

    #[test]
    fn a_truncated_or_longer_history_is_refused() {
        let (bytes, _) = history();
        for length in 0..bytes.len() {
            assert!(History::decode(&bytes[..length]).is_err(), "{length}");
        }
        assert!(matches!(
            History::decode(&bytes[..bytes.len() - 1]),
            Err(InvalidHistory::BrokenOff(2))
        ));
        let more = [&bytes[..], b"x"].concat();
        assert!(matches!(
            History::decode(&more),
            Err(InvalidHistory::Unreadable(DecodeError::TrailingBytes {
                count: 1
            }))
        ));
        assert!(matches!(
            History::decode(b"\0asm"),
            Err(InvalidHistory::NoHistory)
        ));
    }
}
