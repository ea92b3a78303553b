//! Keys: up to three parts, compared part by part.
//!
//! The rules use typed keys. A backend gets them as lists of [`Part`]s. So a backend can keep keys in any form that
//! has the same order, and need not know what they mean.

use std::ops::Bound;

use dormouse_journal::{OperationNumber, RunId, Time, TriggerId, VersionId, WebhookNumber};

/// One part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part<'a> {
    /// A small number.
    U8(u8),
    /// A number.
    U32(u32),
    /// A large number.
    U64(u64),
    /// The id of a run or a trigger.
    Run(&'a [u8; 16]),
    /// A digest.
    Digest(&'a [u8; 32]),
    /// A text.
    Text(&'a str),
    /// Any bytes.
    Bytes(&'a [u8]),
}

/// A value that can be a part of a key, in place of an owned `T`.
pub(crate) trait PartOf<T> {
    fn part(&self) -> Part<'_>;
}

/// A value that can be read back from a part of a key.
pub(crate) trait FromPart: Sized {
    /// Returns the value, or none if the part is of another kind.
    fn from_part(part: Part<'_>) -> Option<Self>;
}

macro_rules! parts {
    ($($type:ty, $variant:ident, $value:ident => $part:expr, $back:expr;)*) => {
        $(
            impl PartOf<$type> for $type {
                fn part(&self) -> Part<'_> {
                    let $value = self;
                    Part::$variant($part)
                }
            }

            impl FromPart for $type {
                fn from_part(part: Part<'_>) -> Option<Self> {
                    match part {
                        Part::$variant($value) => Some($back),
                        _ => None,
                    }
                }
            }

            impl KeyOf<$type> for $type {
                fn with<R>(self, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
                    f(&[self.part()])
                }
            }

            impl Key for $type {
                fn from_parts(parts: &[Part<'_>]) -> Option<Self> {
                    let [part] = parts else { return None };
                    Self::from_part(*part)
                }
            }
        )*
    };
}

/// The type of a table's keys, with owned parts.
pub(crate) trait Key: KeyOf<Self> {
    /// Returns the key, or none if the parts belong to another key type.
    fn from_parts(parts: &[Part<'_>]) -> Option<Self>;
}

/// A key that can be looked up in a table with keys of type `K`: a `K`, or the same with borrowed parts.
pub(crate) trait KeyOf<K>: Sized {
    fn with<R>(self, f: impl FnOnce(&[Part<'_>]) -> R) -> R;
}

parts! {
    u8, U8, value => *value, value;
    u32, U32, value => *value, value;
    u64, U64, value => *value, value;
    Time, U64, value => value.0, Time(value);
    OperationNumber, U32, value => value.0, OperationNumber(value);
    WebhookNumber, U32, value => value.0, WebhookNumber(value);
    RunId, Run, value => &value.0, RunId(*value);
    TriggerId, Run, value => &value.0, TriggerId(*value);
    VersionId, Digest, value => &value.0, VersionId(*value);
    [u8; 32], Digest, value => value, *value;
    String, Text, value => value, value.to_owned();
    Vec<u8>, Bytes, value => value, value.to_owned();
}

impl PartOf<String> for &str {
    fn part(&self) -> Part<'_> {
        Part::Text(self)
    }
}

impl KeyOf<String> for &str {
    fn with<R>(self, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
        f(&[self.part()])
    }
}

impl PartOf<Vec<u8>> for &[u8] {
    fn part(&self) -> Part<'_> {
        Part::Bytes(self)
    }
}

macro_rules! tuples {
    ($(($($part:ident $owned:ident $at:tt),*);)*) => {
        $(
            impl<$($part: PartOf<$owned>, $owned),*> KeyOf<($($owned,)*)> for ($($part,)*) {
                fn with<R>(self, f: impl FnOnce(&[Part<'_>]) -> R) -> R {
                    f(&[$(self.$at.part()),*])
                }
            }

            impl<$($owned: FromPart + PartOf<$owned>),*> Key for ($($owned,)*) {
                fn from_parts(parts: &[Part<'_>]) -> Option<Self> {
                    let mut parts = parts.iter().copied();
                    let key = ($($owned::from_part(parts.next()?)?,)*);
                    parts.next().is_none().then_some(key)
                }
            }
        )*
    };
}

tuples! {
    (A X 0, B Y 1);
    (A X 0, B Y 1, C Z 2);
}

/// A part that has a smallest and a largest value.
pub(crate) trait MinMax {
    const MIN: Self;
    const MAX: Self;
}

macro_rules! extremes {
    ($($type:ty: $min:expr, $max:expr;)*) => {
        $(impl MinMax for $type {
            const MIN: Self = $min;
            const MAX: Self = $max;
        })*
    };
}

extremes! {
    u32: u32::MIN, u32::MAX;
    u64: u64::MIN, u64::MAX;
    RunId: RunId([0; 16]), RunId([0xff; 16]);
    OperationNumber: OperationNumber(0), OperationNumber(u32::MAX);
    WebhookNumber: WebhookNumber(0), WebhookNumber(u32::MAX);
    [u8; 32]: [0; 32], [0xff; 32];
}

/// A key type whose keys begin with a part of type `T`, so that the rows of one such value are next to each other.
pub(crate) trait HasPrefix<T>: Key {
    /// Returns the first and the last key that begin with `lead`.
    fn all_of(lead: T) -> (Self, Self);

    /// Returns the range of the keys that begin with `lead`.
    fn range_of(lead: T) -> (Bound<Self>, Bound<Self>) {
        let (first, last) = Self::all_of(lead);
        (Bound::Included(first), Bound::Included(last))
    }
}

impl<T: FromPart + PartOf<T> + Clone, B: FromPart + PartOf<B> + MinMax> HasPrefix<T> for (T, B) {
    fn all_of(lead: T) -> (Self, Self) {
        ((lead.clone(), B::MIN), (lead, B::MAX))
    }
}

impl<T, B, C> HasPrefix<T> for (T, B, C)
where
    T: FromPart + PartOf<T> + Clone,
    B: FromPart + PartOf<B> + MinMax,
    C: FromPart + PartOf<C> + MinMax,
{
    fn all_of(lead: T) -> (Self, Self) {
        ((lead.clone(), B::MIN, C::MIN), (lead, B::MAX, C::MAX))
    }
}
