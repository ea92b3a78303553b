//! Identifiers of runs, versions, operations and webhooks, and points in time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A point in time: milliseconds since the Unix epoch.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Time(pub u64);

impl Time {
    /// Returns the time `span` milliseconds later. The result never exceeds the largest time, so that a timeout of
    /// `u64::MAX` means "never" and does not panic.
    #[must_use]
    pub fn after(self, span: u64) -> Time {
        Time(self.0.saturating_add(span))
    }

    /// Returns the time this many milliseconds later, or earlier if `shift` is negative.
    #[must_use]
    pub fn shifted(self, shift: i64) -> Time {
        Time(self.0.saturating_add_signed(shift))
    }
}

/// A point in time, on both lines of time of a host.
///
/// *Steady time* orders what happens and ends all spans. It never steps, whatever happens to the machine's clock. *Wall
/// time* is the date, as people and other machines have it. If the machine's clock is set, wall time follows, and so
/// does what is to happen at a date (`sleep-until`). A time that is called neither is steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment {
    /// The steady time.
    pub time: Time,
    /// How many milliseconds wall time is ahead of steady time. It is 0 unless the machine's clock was set.
    pub shift: i64,
}

impl From<Time> for Moment {
    /// Returns the moment of this steady time if the machine's clock was never set.
    fn from(time: Time) -> Self {
        Moment { time, shift: 0 }
    }
}

impl Moment {
    /// Returns the wall time.
    #[must_use]
    pub fn wall(self) -> Time {
        self.time.shifted(self.shift)
    }

    /// Returns the steady time that corresponds to a wall time, as far as is known now.
    #[must_use]
    pub fn steady(self, instant: Time) -> Time {
        instant.shifted(self.shift.saturating_neg())
    }
}

/// The id of a run: a UUID of version 7. Ids sort by the time of creation, so that rows of runs created together are
/// next to each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunId(pub [u8; 16]);

impl RunId {
    /// Returns the id of a run created at `time`, with 74 bits of `random`.
    #[must_use]
    pub fn new(time: Time, random: [u8; 10]) -> Self {
        RunId(
            *uuid::Builder::from_unix_timestamp_millis(time.0, &random)
                .into_uuid()
                .as_bytes(),
        )
    }
}

impl RunId {
    /// Returns the first id that a run created at `time` may have.
    #[must_use]
    pub fn first_at(time: Time) -> Self {
        RunId::around(time, 0)
    }

    /// Returns the last id that a run created at `time` may have.
    #[must_use]
    pub fn last_at(time: Time) -> Self {
        RunId::around(time, 0xff)
    }

    /// Returns an id of this time, whose other bytes are `rest`. An id begins with 48 bits of milliseconds.
    fn around(time: Time, rest: u8) -> Self {
        let time = time.0.min((1 << 48) - 1).to_be_bytes();
        let mut id = [rest; 16];
        id[..6].copy_from_slice(&time[2..]);
        RunId(id)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RunId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        uuid::Uuid::try_parse(text).map(|id| RunId(*id.as_bytes()))
    }
}

/// The id of a trigger, which its URLs contain. A trigger that is deleted and set again gets another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TriggerId(pub [u8; 16]);

impl fmt::Display for TriggerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from_bytes(self.0).hyphenated().fmt(f)
    }
}

impl fmt::Debug for TriggerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A version of a workflow: the SHA-256 of its component's bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId(pub [u8; 32]);

impl VersionId {
    /// Returns the version of these bytes.
    #[must_use]
    pub fn of(component: &[u8]) -> Self {
        VersionId(Sha256::digest(component).into())
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VersionId {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(InvalidVersion);
        }
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidVersion)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidVersion)?;
        }
        Ok(VersionId(bytes))
    }
}

/// The error for a text that is not a version.
#[derive(Debug, thiserror::Error)]
#[error("a version is a SHA-256 in 64 hexadecimal digits")]
pub struct InvalidVersion;

/// The number of an operation among all operations of its run, from 0.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct OperationNumber(pub u32);

impl fmt::Display for OperationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a webhook among all webhooks of its run, from 0.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct WebhookNumber(pub u32);

impl fmt::Display for WebhookNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The first 128 bits of the SHA-256 of an operation's arguments. It detects a changed workflow, which is an accident
/// and not an attack, so half of the digest is enough.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// Returns the digest of a value's encoding.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        // Feeding the hash directly avoids a copy of the body, which may have 16 MiB.
        match postcard::serialize_with_flavor(value, Hashing(Sha256::new())) {
            Ok(digest) => digest,
            Err(error) => unreachable!(
                "the argument types have fixed shapes, and hashing cannot fail: {error}"
            ),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(&self.0, f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Hashing(Sha256);

impl postcard::ser_flavors::Flavor for Hashing {
    type Output = Digest;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.update([byte]);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.update(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Digest> {
        let whole: [u8; 32] = self.0.finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&whole[..16]);
        Ok(Digest(half))
    }
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time_and_survive_text() {
        let early = RunId::new(Time(1_000), [0xff; 10]);
        let late = RunId::new(Time(1_001), [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse::<RunId>().unwrap(), early);
        assert!("not-a-run".parse::<RunId>().is_err());
    }

    #[test]
    fn versions_survive_text() {
        let version = VersionId::of(b"component");
        assert_eq!(version.to_string().parse::<VersionId>().unwrap(), version);
        assert!("abc".parse::<VersionId>().is_err());
        assert!("zz".repeat(32).parse::<VersionId>().is_err());
    }

    #[test]
    fn a_digest_tells_arguments_apart() {
        assert_eq!(Digest::of(&("a", 1u32)), Digest::of(&("a", 1u32)));
        assert_ne!(Digest::of(&("a", 1u32)), Digest::of(&("a", 2u32)));
    }

    #[test]
    fn the_end_of_time_does_not_wrap() {
        assert_eq!(Time(5).after(u64::MAX), Time(u64::MAX));
    }
}
