//! Spans and points of time. Durations are the standard library's; what is here makes them short to
//! write.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// So many milliseconds.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(dormouse_sdk::millis(1500), Duration::from_millis(1500));
/// ```
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// So many seconds.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(dormouse_sdk::seconds(30), Duration::from_secs(30));
/// ```
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// So many minutes.
///
/// ```
/// # use dormouse_sdk::{minutes, seconds};
/// assert_eq!(minutes(5), seconds(300));
/// ```
pub const fn minutes(count: u64) -> Duration {
    seconds(count.saturating_mul(60))
}

/// So many hours.
///
/// ```
/// # use dormouse_sdk::{hours, minutes};
/// assert_eq!(hours(2), minutes(120));
/// ```
pub const fn hours(count: u64) -> Duration {
    minutes(count.saturating_mul(60))
}

/// So many days of 24 hours.
///
/// ```
/// # use dormouse_sdk::{days, hours};
/// assert_eq!(days(7), hours(168));
/// ```
pub const fn days(count: u64) -> Duration {
    hours(count.saturating_mul(24))
}

/// So many weeks.
///
/// ```
/// # use dormouse_sdk::{days, weeks};
/// assert_eq!(weeks(2), days(14));
/// ```
pub const fn weeks(count: u64) -> Duration {
    days(count.saturating_mul(7))
}

/// What a span of time may be written as: a [`Duration`], or text such as `"5m"` or `"1h 30m"`.
///
/// Text is one or more whole numbers, each with its unit: `ms`, `s`, `m`, `h`, `d` or `w`.
///
/// The operations that take a span of time take this, and hold text that is none for a mistake in
/// the program: they panic, which fails the run with a sentence that names the text. Text that is
/// not the program's own, such as a part of the input, is read with [`into_duration`] first.
///
/// [`into_duration`]: IntoDuration::into_duration
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, pause: String) -> Result<()> {
/// ctx.sleep("a while", minutes(5)).await;
/// ctx.sleep("a while", "5m").await;
/// ctx.sleep("as was asked for", pause.as_str().into_duration()?).await;
/// # Ok(())
/// # }
/// ```
pub trait IntoDuration {
    /// The span of time, or an error with the code `invalid-duration`.
    ///
    /// ```
    /// # use dormouse_sdk::{IntoDuration, minutes};
    /// assert_eq!("1h 30m".into_duration().unwrap(), minutes(90));
    /// assert!("5 parsecs".into_duration().is_err());
    /// ```
    fn into_duration(self) -> Result<Duration>;
}

impl IntoDuration for Duration {
    fn into_duration(self) -> Result<Duration> {
        Ok(self)
    }
}

impl IntoDuration for &str {
    fn into_duration(self) -> Result<Duration> {
        parse(self).ok_or_else(|| {
            Error::new(
                "invalid-duration",
                format!(
                    "`{self}` is not a span of time: write whole numbers with their units \
                     (ms, s, m, h, d or w), such as `5m` or `1h 30m`"
                ),
            )
        })
    }
}

/// A point in time, in milliseconds since the Unix epoch.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) {
/// let deadline = ctx.now() + days(3);
/// ctx.sleep_until("deadline", deadline).await;
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The instant that lies so many milliseconds after the Unix epoch.
    ///
    /// ```
    /// # use dormouse_sdk::Instant;
    /// assert_eq!(Instant::from_millis(0), std::time::UNIX_EPOCH.into());
    /// ```
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// How many milliseconds after the Unix epoch this is.
    ///
    /// ```
    /// # use dormouse_sdk::{Instant, seconds};
    /// assert_eq!((Instant::from_millis(500) + seconds(1)).as_millis(), 1500);
    /// ```
    pub const fn as_millis(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ms", self.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(span)))
    }
}

/// The time that passed between two instants, nothing when the second is the later one.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl From<Instant> for SystemTime {
    fn from(instant: Instant) -> Self {
        UNIX_EPOCH + Duration::from_millis(instant.0)
    }
}

/// A time before the Unix epoch becomes the epoch.
impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(
            time.duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }
}

/// A span as the contract has it.
///
/// Panics on text that is no span of time, where the text is the program's own.
#[track_caller]
#[expect(
    clippy::panic,
    reason = "a mistake in the workflow's code, told as a misuse is told"
)]
pub(crate) fn contract_millis(span: impl IntoDuration) -> u64 {
    match span.into_duration() {
        Ok(span) => whole_millis(span),
        Err(error) => panic!("{error}"),
    }
}

/// Rounded up, since a timer is never early.
fn whole_millis(span: Duration) -> u64 {
    let part = span.subsec_nanos().div_ceil(1_000_000);
    span.as_secs()
        .saturating_mul(1_000)
        .saturating_add(part.into())
}

/// None when the text is no span of time, or one of more milliseconds than can be counted.
fn parse(text: &str) -> Option<Duration> {
    let mut total: u64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let part = number.parse::<u64>().ok()?.checked_mul(millis_in(unit)?)?;
        total = total.checked_add(part)?;
        rest = after.trim_start();
    }
    Some(Duration::from_millis(total))
}

fn millis_in(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(
            text.into_duration().ok(),
            expected.map(Duration::from_millis),
            "{text:?}"
        );
    }

    #[test]
    fn text_with_units() {
        check("250ms", Some(250));
        check("0s", Some(0));
        check("5m", Some(300_000));
        check("1h30m", Some(5_400_000));
        check(" 1d 2h ", Some(93_600_000));
        check("2w", Some(1_209_600_000));
        check("365d", Some(31_536_000_000));
    }

    #[test]
    fn text_that_is_no_span_of_time() {
        for text in [
            "", " ", "5", "m", "5 m", "5min", "-5m", "1.5h", "5M", "5m,", "5m 3", "５m",
        ] {
            check(text, None);
        }
        check("18446744073709551616ms", None);
        check("99999999999999999w", None);
    }

    #[test]
    fn the_error_names_the_text() {
        let error = "5 minuts".into_duration().unwrap_err();
        assert_eq!(error.code(), "invalid-duration");
        assert!(
            error
                .message()
                .starts_with("`5 minuts` is not a span of time"),
            "{error}"
        );
    }

    #[test]
    #[should_panic(expected = "`soon` is not a span of time")]
    fn a_literal_mistake_panics() {
        contract_millis("soon");
    }

    #[test]
    fn a_part_of_a_millisecond_counts_whole() {
        assert_eq!(contract_millis(Duration::from_nanos(1)), 1);
        assert_eq!(contract_millis(Duration::from_micros(2_000)), 2);
        assert_eq!(contract_millis(Duration::MAX), u64::MAX);
        assert_eq!(contract_millis(weeks(u64::MAX)), u64::MAX);
    }

    #[test]
    fn instants() {
        let start = Instant::from_millis(1_000);
        let later = start + Duration::from_micros(1);
        assert_eq!(later.as_millis(), 1_001);
        assert_eq!(later - start, millis(1));
        assert_eq!(start - later, Duration::ZERO);
        assert_eq!(Instant::from(SystemTime::from(later)), later);
        assert_eq!(
            Instant::from_millis(u64::MAX) + seconds(1),
            Instant::from_millis(u64::MAX)
        );
    }
}
