//! Spans and points of time. Durations are those of the standard library. This module has short ways to write them.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Returns a duration of this many milliseconds.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(dormouse_sdk::millis(1500), Duration::from_millis(1500));
/// ```
pub const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Returns a duration of this many seconds.
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(dormouse_sdk::seconds(30), Duration::from_secs(30));
/// ```
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Returns a duration of this many minutes.
///
/// ```
/// # use dormouse_sdk::{minutes, seconds};
/// assert_eq!(minutes(5), seconds(300));
/// ```
pub const fn minutes(count: u64) -> Duration {
    seconds(count.saturating_mul(60))
}

/// Returns a duration of this many hours.
///
/// ```
/// # use dormouse_sdk::{hours, minutes};
/// assert_eq!(hours(2), minutes(120));
/// ```
pub const fn hours(count: u64) -> Duration {
    minutes(count.saturating_mul(60))
}

/// Returns a duration of this many days of 24 hours.
///
/// ```
/// # use dormouse_sdk::{days, hours};
/// assert_eq!(days(7), hours(168));
/// ```
pub const fn days(count: u64) -> Duration {
    hours(count.saturating_mul(24))
}

/// Returns a duration of this many weeks.
///
/// ```
/// # use dormouse_sdk::{days, weeks};
/// assert_eq!(weeks(2), days(14));
/// ```
pub const fn weeks(count: u64) -> Duration {
    days(count.saturating_mul(7))
}

/// A type that can be a span of time: a [`Duration`], or text such as `"5m"` or `"1h 30m"`.
///
/// Text is one or more whole numbers, each with its unit: `ms`, `s`, `m`, `h`, `d` or `w`.
///
/// Operations that take a span of time accept this type. Text that is not a span of time is a mistake in the program
/// there: the operation panics, which fails the run with a message that names the text. With [`span!`](crate::span),
/// the compiler finds the mistake. Read text from outside the program, such as a part of the input, with
/// [`into_duration`] first.
///
/// [`into_duration`]: IntoDuration::into_duration
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context, pause: String) -> Result<()> {
/// ctx.sleep("a while", minutes(5)).await;
/// ctx.sleep("a while", "5m").await;
/// ctx.sleep("a while", span!("5m")).await;
/// ctx.sleep("as was asked for", pause.as_str().into_duration()?).await;
/// # Ok(())
/// # }
/// ```
pub trait IntoDuration {
    /// Returns the span of time, or an error with the code `invalid-duration`.
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
        parse_span(self).ok_or_else(|| {
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

/// Returns the [`Duration`](std::time::Duration) of a text such as `"5m"` or `"1h 30m"`, which is checked when the
/// workflow is compiled.
///
/// The text has the form that [`IntoDuration`] describes. Any other text is an error of the compiler, which names it.
///
/// ```
/// use dormouse_sdk::{minutes, span};
///
/// assert_eq!(span!("1h30m"), minutes(90));
/// ```
///
/// ```compile_fail
/// dormouse_sdk::span!("5 minuts");
/// ```
#[macro_export]
macro_rules! span {
    ($text:literal) => {{
        // The constant is evaluated even if no code is generated, as in `cargo check`.
        const SPAN: ::std::time::Duration = match $crate::__private::parse_span($text) {
            ::std::option::Option::Some(span) => span,
            ::std::option::Option::None => ::std::panic!(::std::concat!(
                "`",
                $text,
                "` is not a span of time: write whole numbers with their units \
                 (ms, s, m, h, d or w), such as `5m` or `1h 30m`"
            )),
        };
        SPAN
    }};
}

/// A point in time, in milliseconds since the Unix epoch.
///
/// It is displayed as a date and time in UTC ([RFC 3339](https://www.rfc-editor.org/rfc/rfc3339)), and is a number of
/// milliseconds in JSON.
///
/// ```
/// # use dormouse_sdk::prelude::*;
/// # async fn example(ctx: Context) {
/// let deadline = ctx.now() + days(3);
/// ctx.sleep_until("deadline", deadline).await;
/// # }
/// assert_eq!(Instant::from_millis(1_767_225_600_500).to_string(), "2026-01-01T00:00:00.500Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// Returns the instant this many milliseconds after the Unix epoch.
    ///
    /// ```
    /// # use dormouse_sdk::Instant;
    /// assert_eq!(Instant::from_millis(0), std::time::UNIX_EPOCH.into());
    /// ```
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Returns the number of milliseconds from the Unix epoch to this instant.
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
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (day, millis) = (self.0 / MILLIS_IN_A_DAY, self.0 % MILLIS_IN_A_DAY);
        let (year, month, day) = date(day);
        let (seconds, millis) = (millis / 1_000, millis % 1_000);
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        let (hours, minutes) = (minutes / 60, minutes % 60);
        write!(
            formatter,
            "{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z"
        )
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(span)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, span: Duration) {
        *self = *self + span;
    }
}

/// Returns the time between two instants, or zero if the second is later.
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

/// Converts a time. A time before the Unix epoch becomes the epoch.
impl From<SystemTime> for Instant {
    fn from(time: SystemTime) -> Self {
        Self(whole_millis(
            time.duration_since(UNIX_EPOCH).unwrap_or_default(),
        ))
    }
}

/// Returns a span in the form of the contract.
///
/// Panics if a text is not a span of time. Such a text is the program's own mistake.
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

/// Rounds up to milliseconds, since a timer is never early.
fn whole_millis(span: Duration) -> u64 {
    let part = span.subsec_nanos().div_ceil(1_000_000);
    span.as_secs()
        .saturating_mul(1_000)
        .saturating_add(part.into())
}

const MILLIS_IN_A_DAY: u64 = 86_400_000;

/// Returns the year, month and day of the day that is this many days after 1970-01-01.
///
/// A year is counted from March here, so that the leap day is its last day. Any 400 years in a row have the same
/// number of days.
fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_IN_400_YEARS: u64 = 146_097;
    /// The days from 0000-03-01 to 1970-01-01.
    const BEFORE_THE_EPOCH: u64 = 719_468;
    let days = days + BEFORE_THE_EPOCH;
    let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Each five months from March and from August have 153 days together.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    (era * 400 + year + next_year, month, day)
}

/// Returns `None` if the text is not a span of time, or if its number of milliseconds is too large.
pub const fn parse_span(text: &str) -> Option<Duration> {
    let mut rest = text.as_bytes().trim_ascii();
    if rest.is_empty() {
        return None;
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let Some((number, after)) = split_number(rest) else {
            return None;
        };
        let (unit, after) = split_letters(after);
        let Some(millis) = millis_in(unit) else {
            return None;
        };
        let Some(part) = number.checked_mul(millis) else {
            return None;
        };
        let Some(sum) = total.checked_add(part) else {
            return None;
        };
        total = sum;
        rest = after.trim_ascii_start();
    }
    Some(Duration::from_millis(total))
}

/// Returns the number at the beginning of a text, and the rest of the text.
const fn split_number(text: &[u8]) -> Option<(u64, &[u8])> {
    let mut number: u64 = 0;
    let mut rest = text;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        let Some(shifted) = number.checked_mul(10) else {
            return None;
        };
        let Some(sum) = shifted.checked_add((*digit - b'0') as u64) else {
            return None;
        };
        (number, rest) = (sum, after);
    }
    if rest.len() == text.len() {
        return None;
    }
    Some((number, rest))
}

/// Returns the letters at the beginning of a text, and the rest of the text.
const fn split_letters(text: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = text;
    while let [letter, after @ ..] = rest
        && letter.is_ascii_alphabetic()
    {
        rest = after;
    }
    text.split_at(text.len() - rest.len())
}

const fn millis_in(unit: &[u8]) -> Option<u64> {
    Some(match unit {
        b"ms" => 1,
        b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => MILLIS_IN_A_DAY,
        b"w" => 604_800_000,
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
    fn text_that_is_not_a_span_of_time() {
        for text in [
            "", " ", "5", "5\u{a0}m", "m", "5 m", "5min", "-5m", "1.5h", "5M", "5m,", "5m 3", "５m",
        ] {
            check(text, None);
        }
        check("18446744073709551616ms", None);
        check("99999999999999999w", None);
    }

    #[test]
    fn text_that_is_checked_when_compiled() {
        assert_eq!(crate::span!("1h30m"), minutes(90));
        assert_eq!(crate::span!("250ms 2w"), weeks(2) + millis(250));
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
        let mut moved = start;
        moved += Duration::from_micros(1);
        assert_eq!(moved, later);
        assert_eq!(start - later, Duration::ZERO);
        assert_eq!(Instant::from(SystemTime::from(later)), later);
        assert_eq!(
            Instant::from_millis(u64::MAX) + seconds(1),
            Instant::from_millis(u64::MAX)
        );
    }
    #[test]
    fn an_instant_is_shown_as_a_date_and_time() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_208_000_001, "2024-02-29T12:00:00.001Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
            (u64::MAX, "584556019-04-03T14:25:51.615Z"),
        ] {
            let instant = Instant::from_millis(millis);
            assert_eq!(instant.to_string(), expected, "{millis}");
            assert_eq!(format!("{instant:?}"), expected);
        }
    }

    #[test]
    fn each_day_is_the_one_after_the_day_before() {
        let lengths = |year: u64| {
            let leap =
                year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
            [
                31,
                if leap { 29 } else { 28 },
                31,
                30,
                31,
                30,
                31,
                31,
                30,
                31,
                30,
                31,
            ]
        };
        let expected = (1970..2410).flat_map(|year| {
            (1..)
                .zip(lengths(year))
                .flat_map(move |(month, length)| (1..=length).map(move |day| (year, month, day)))
        });
        for (count, expected) in (0..).zip(expected) {
            assert_eq!(date(count), expected);
        }
    }
}
