//! Formats times for people: how long ago a time was, or how long it is until then.

use std::time::{SystemTime, UNIX_EPOCH};

use dormouse_api::Timestamp;
use dormouse_journal::Time;

/// Returns the time of this machine. It is compared with times of the host, whose clock may differ.
#[expect(
    clippy::disallowed_methods,
    reason = "a client is not a part of the host, whose time is injected"
)]
pub(crate) fn now() -> Time {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Time(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Reads a point in time: a date, or how long ago it was.
pub(crate) fn date(text: &str) -> Result<Timestamp, String> {
    before(text, now()).ok_or_else(|| {
        "give a date as RFC 3339 has it, such as 2026-03-01T08:00:00Z, or how long ago, such as 90s, 10m, 2h or 7d".into()
    })
}

fn before(text: &str, now: Time) -> Option<Timestamp> {
    if let Ok(date) = text.parse() {
        return Some(date);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let span = number.parse::<u64>().ok()?.checked_mul(unit)?;
    Some(Timestamp(Time(now.0.saturating_sub(span))))
}

/// Formats a point in time, and how long ago it was.
pub(crate) fn since(time: Timestamp, now: Time) -> String {
    format!("{time} ({})", ago(time, now))
}

/// Formats how long ago a point in time was.
pub(crate) fn ago(time: Timestamp, now: Time) -> String {
    format!("{} ago", span(now.0.saturating_sub(time.0.0)))
}

/// Formats how long it is until a point in time.
pub(crate) fn until(time: Timestamp, now: Time) -> String {
    match time.0.0.checked_sub(now.0) {
        Some(left) if left > 0 => format!("in {}", span(left)),
        _ => "now".into(),
    }
}

/// Formats a number of milliseconds in its two largest units.
pub fn span(milliseconds: u64) -> String {
    let seconds = milliseconds / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |large: u64, unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit} {small}{small_unit}"),
    };
    if milliseconds < 1_000 {
        format!("{milliseconds}ms")
    } else if minutes == 0 {
        format!("{seconds}s")
    } else if hours == 0 {
        two(minutes, "m", seconds % 60, "s")
    } else if days == 0 {
        two(hours, "h", minutes % 60, "m")
    } else {
        two(days, "d", hours % 24, "h")
    }
}

/// Formats a number of milliseconds exactly.
pub(crate) fn exact(milliseconds: u64) -> String {
    const UNITS: [(u64, &str); 5] = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "m"),
        (1_000, "s"),
        (1, "ms"),
    ];
    let mut left = milliseconds;
    let mut parts = Vec::new();
    for (size, unit) in UNITS {
        if left >= size {
            parts.push(format!("{}{unit}", left / size));
            left %= size;
        }
    }
    if parts.is_empty() {
        "0ms".into()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requested_span_is_shown_exactly() {
        let table = [
            (0, "0ms"),
            (1_500, "1s 500ms"),
            (300_000, "5m"),
            (90_061_001, "1d 1h 1m 1s 1ms"),
        ];
        for (milliseconds, expected) in table {
            assert_eq!(exact(milliseconds), expected, "{milliseconds}");
        }
    }

    #[test]
    fn a_point_in_time_is_a_date_or_how_long_ago_it_was() {
        let now = Time(1_772_352_000_000);
        for (text, expected) in [
            ("2026-03-01T08:00:00Z", Some(1_772_352_000_000)),
            ("2026-03-01T09:00:00+01:00", Some(1_772_352_000_000)),
            ("90s", Some(1_772_351_910_000)),
            ("7d", Some(1_771_747_200_000)),
            ("99999999d", Some(0)),
            ("99999999999999999d", None),
            ("h", None),
            ("", None),
            ("2", None),
            ("-2h", None),
            ("2 h", None),
            ("2ä", None),
            ("2026-03-01", None),
        ] {
            let found = before(text, now).map(|date| date.0.0);
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn spans_have_two_units() {
        let table = [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (252_000, "4m 12s"),
            (3_600_000, "1h"),
            (5_400_000, "1h 30m"),
            (86_400_000, "1d"),
            (97_200_000, "1d 3h"),
        ];
        for (milliseconds, expected) in table {
            assert_eq!(span(milliseconds), expected, "{milliseconds}");
        }
    }

    #[test]
    fn a_clock_that_differs_does_no_harm() {
        let (early, late) = (Timestamp(Time(1_000)), Timestamp(Time(9_000)));
        assert_eq!(ago(late, early.0), "0ms ago");
        assert_eq!(until(early, late.0), "now");
        assert_eq!(until(late, early.0), "in 8s");
    }
}
