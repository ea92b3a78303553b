//! Times for people: how long ago, how long until.

use dormouse_api::Timestamp;
use dormouse_journal::Time;
use dormouse_seams::Clock as _;

use crate::machine::MachineClock;

/// The time now. What it is compared with is the host's, which may differ by as much as the two clocks do.
pub(super) fn now() -> Time {
    MachineClock.now()
}

/// A point in time, and how long ago it was.
pub(super) fn since(time: Timestamp, now: Time) -> String {
    format!("{time} ({})", ago(time, now))
}

/// How long ago.
pub(super) fn ago(time: Timestamp, now: Time) -> String {
    format!("{} ago", span(now.0.saturating_sub(time.0.0)))
}

/// How long until.
pub(super) fn until(time: Timestamp, now: Time) -> String {
    match time.0.0.checked_sub(now.0) {
        Some(left) if left > 0 => format!("in {}", span(left)),
        _ => "now".into(),
    }
}

/// Milliseconds, in their two largest units.
pub(super) fn span(milliseconds: u64) -> String {
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

/// Milliseconds, exactly.
pub(super) fn exact(milliseconds: u64) -> String {
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
    fn what_was_asked_for_is_shown_exactly() {
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
