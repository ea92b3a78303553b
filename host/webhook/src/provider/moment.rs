//! Timestamps of requests.

use dormouse_journal::Time;

use super::format::TimeUnit;

/// Parses a timestamp into milliseconds since 1970.
pub(super) fn read(unit: TimeUnit, text: &str) -> Option<u64> {
    match unit {
        TimeUnit::Seconds => digits(text)?.checked_mul(1_000),
        TimeUnit::Milliseconds => digits(text),
        TimeUnit::Rfc3339 => rfc3339(text),
    }
}

/// Formats a time in a form that [`read`] parses.
pub(super) fn write(unit: TimeUnit, time: Time) -> String {
    match unit {
        TimeUnit::Seconds => (time.0 / 1_000).to_string(),
        TimeUnit::Milliseconds => time.0.to_string(),
        TimeUnit::Rfc3339 => to_rfc3339(time),
    }
}

/// Parses digits. The standard parser alone would accept a plus sign.
fn digits(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Parses a time of RFC 3339, such as `2026-01-31T12:00:00.5Z`, with any offset.
fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_at_checked(10)?;
    let time = time.strip_prefix(['T', 't', ' '])?;
    let end = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at_checked(end)?;
    let mut date = date.split('-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut time = time.split(':').map(digits);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let is_date =
        (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    let is_end = date.next().is_none() && time.next().is_none();
    if !is_date || !is_end || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    digits(fraction)?;
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let local = seconds * 1_000 + digits(&thousandths)?;
    let (sign, offset) = zone.split_at_checked(1)?;
    if sign.eq_ignore_ascii_case("z") {
        return offset.is_empty().then_some(local);
    }
    let (hours, minutes) = offset.split_once(':')?;
    let offset = (digits(hours)?
        .checked_mul(60)?
        .checked_add(digits(minutes)?)?)
    .checked_mul(60_000)?;
    if sign == "+" {
        local.checked_sub(offset)
    } else {
        local.checked_add(offset)
    }
}

/// Returns the days from 1970 to a date of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> u64 {
    // If years begin in March, the leap day is at their end.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}

fn to_rfc3339(time: Time) -> String {
    let (seconds, thousandths) = (time.0 / 1_000, time.0 % 1_000);
    let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{thousandths:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_it_is_written() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:15.25Z", Some(951_827_415_250)),
            ("2000-02-29T13:30:15.250+01:00", Some(951_827_415_250)),
            ("2000-02-29t11:00:15.2509-01:30", Some(951_827_415_250)),
            ("2026-11-29T16:00:00Z", Some(1_795_968_000_000)),
            ("2026-11-29", None),
            ("2026-11-29T16:00Z", None),
            ("2026-11-29T16:00:00", None),
            ("2026-13-29T16:00:00Z", None),
            ("2026-11-29T16:00:00.Z", None),
            ("2026-11-29T16:00:00Zx", None),
            ("+026-11-29T16:00:00Z", None),
            ("1970-01-01T00:00:00+01:00", None),
            ("é", None),
        ] {
            assert_eq!(read(TimeUnit::Rfc3339, text), expected, "{text}");
        }
        for time in [0, 951_827_415_250, 1_795_968_000_000, 253_402_300_799_999] {
            for unit in [TimeUnit::Milliseconds, TimeUnit::Rfc3339] {
                assert_eq!(read(unit, &write(unit, Time(time))), Some(time));
            }
        }
    }
}
