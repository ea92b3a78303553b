//! Cursors: the place where the next page begins, in a form that callers only pass back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dormouse_journal::RunId;

use super::{Malformed, QueryParams};

/// A place in a list.
pub trait Cursor: Sized {
    /// Returns the place as bytes. The first byte differs between kinds of lists, so that a cursor of one
    /// list is not taken for that of another.
    fn to_bytes(&self) -> Vec<u8>;

    /// Returns the place from its bytes.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;

    /// Returns the cursor as callers see it.
    fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.to_bytes())
    }

    /// Returns the cursor in a query, if there is one.
    ///
    /// # Errors
    /// When the text is not a cursor of this list.
    fn from_query(query: &QueryParams) -> Result<Option<Self>, Malformed> {
        let Some(text) = query.text("cursor") else {
            return Ok(None);
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| Self::from_bytes(&bytes))
            .map(Some)
            .ok_or_else(|| {
                Malformed::new(
                    "invalid-query",
                    "the query parameter \"cursor\"",
                    "is not one that this list gave: hand back `next` as it was",
                )
            })
    }
}

/// A place in a list of runs: after this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AfterRun(pub RunId);

/// A place in a journal: at this activation, whose first operation has this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AtActivation {
    /// The number of the activation.
    pub activation: u32,
    /// The number of its first operation.
    pub operation: u32,
}

/// A place in a log: at this line of this activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct AtLine {
    /// The number of the activation.
    pub activation: u32,
    /// The number of the line in the activation.
    pub line: u32,
}

impl Cursor for AfterRun {
    fn to_bytes(&self) -> Vec<u8> {
        [b"r".as_slice(), &self.0.0].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let run = bytes.strip_prefix(b"r")?;
        Some(AfterRun(RunId(run.try_into().ok()?)))
    }
}

impl Cursor for AtActivation {
    fn to_bytes(&self) -> Vec<u8> {
        pair(*b"j", self.activation, self.operation)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (activation, operation) = from_pair(*b"j", bytes)?;
        Some(AtActivation {
            activation,
            operation,
        })
    }
}

impl Cursor for AtLine {
    fn to_bytes(&self) -> Vec<u8> {
        pair(*b"l", self.activation, self.line)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (activation, line) = from_pair(*b"l", bytes)?;
        Some(AtLine { activation, line })
    }
}

fn pair(kind: [u8; 1], first: u32, second: u32) -> Vec<u8> {
    [kind.as_slice(), &first.to_be_bytes(), &second.to_be_bytes()].concat()
}

fn from_pair(kind: [u8; 1], bytes: &[u8]) -> Option<(u32, u32)> {
    let (first, second) = bytes.strip_prefix(&kind)?.split_first_chunk()?;
    Some((
        u32::from_be_bytes(*first),
        u32::from_be_bytes(second.try_into().ok()?),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<C: Cursor>(text: &str) -> Result<Option<C>, Malformed> {
        let uri = format!("/?cursor={text}").parse().unwrap();
        C::from_query(&QueryParams::read(&uri, &["cursor"]).unwrap())
    }

    #[test]
    fn cursors_survive() {
        let run = AfterRun(RunId([7; 16]));
        assert_eq!(read(&run.to_text()).unwrap(), Some(run));
        let activation = AtActivation {
            activation: 3,
            operation: 70_000,
        };
        assert_eq!(read(&activation.to_text()).unwrap(), Some(activation));
        let line = AtLine {
            activation: 3,
            line: 9,
        };
        assert_eq!(read(&line.to_text()).unwrap(), Some(line));
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let line = AtLine {
            activation: 3,
            line: 9,
        }
        .to_text();
        for text in ["", "x", "!!!", "AAAA", &line, &format!("{line}A")] {
            let error = read::<AtActivation>(text).unwrap_err();
            assert_eq!(error.code, "invalid-query", "{text}");
        }
    }

    #[test]
    fn without_one_it_is_the_beginning() {
        let query = QueryParams::read(&"/".parse().unwrap(), &[]).unwrap();
        assert_eq!(AtLine::from_query(&query).unwrap(), None);
    }
}
