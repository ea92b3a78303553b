//! Points in time: RFC 3339, in UTC, to the millisecond. Also the dates of the host's steady times.

use std::fmt;
use std::str::FromStr;

use dormouse_journal::{Moment, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A point in time, as RFC 3339 writes it in UTC, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-01T08:00:00.000Z")]
pub struct Timestamp(pub Time);

/// Converts the host's steady times to dates.
///
/// Stored times are steady: setting the clock does not move them, so they may differ from any date. They are shown
/// with the present difference to wall time. The difference in the past is stored only with activations, so a date
/// that was shown before the machine's clock was set is shown earlier or later afterwards.
#[derive(Debug, Clone, Copy, Default)]
pub struct Dates {
    /// How far wall time is ahead of steady time, in milliseconds.
    shift: i64,
}

impl Dates {
    /// Creates the conversion for this moment.
    #[must_use]
    pub fn at(moment: Moment) -> Self {
        Dates {
            shift: moment.shift,
        }
    }

    /// Returns the date of a steady time.
    #[must_use]
    pub fn of(self, steady: Time) -> Timestamp {
        Timestamp(steady.shifted(self.shift))
    }

    /// Returns the steady time of a date.
    #[must_use]
    pub fn steady(self, date: Timestamp) -> Time {
        date.0.shifted(self.shift.saturating_neg())
    }
}

/// The error for a text that is not a date in the years that a host supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give a date as RFC 3339 has it, such as 2026-03-01T08:00:00Z")]
pub struct NoDate;

impl FromStr for Timestamp {
    type Err = NoDate;

    fn from_str(text: &str) -> Result<Self, NoDate> {
        let time: jiff::Timestamp = text.parse().map_err(|_| NoDate)?;
        let time = u64::try_from(time.as_millisecond()).map_err(|_| NoDate)?;
        Ok(Timestamp(Time(time)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 ends with the year 9999. A later deadline means "never", and is shown as the end of that year.
        let time = i64::try_from(self.0.0).ok();
        let time = time.and_then(|time| jiff::Timestamp::from_millisecond(time).ok());
        write!(f, "{:.3}", time.unwrap_or(jiff::Timestamp::MAX))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(time: u64, text: &str) {
        let json = serde_json::to_string(&Timestamp(Time(time))).unwrap();
        assert_eq!(json, format!("{text:?}"));
    }

    #[test]
    fn times_are_written_to_the_millisecond() {
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_772_352_000_120, "2026-03-01T08:00:00.120Z");
    }

    #[test]
    fn a_time_beyond_the_calendar_is_its_end() {
        check(u64::MAX, "9999-12-30T22:00:00.999Z");
    }

    #[test]
    fn a_steady_time_is_shown_as_wall_time_has_it() {
        let at = |shift| {
            let time = Time(9_000);
            Dates::at(Moment { time, shift }).of(Time(5_000)).0.0
        };
        assert_eq!(
            [at(0), at(250), at(-250), at(-6_000)],
            [5_000, 5_250, 4_750, 0]
        );
    }

    #[test]
    fn a_date_leads_back_to_its_steady_time() {
        for shift in [0, 250, -250] {
            let time = Time(9_000);
            let dates = Dates::at(Moment { time, shift });
            assert_eq!(dates.steady(dates.of(Time(5_000))), Time(5_000));
        }
    }

    #[test]
    fn times_survive() {
        let time = Timestamp(Time(1_772_352_000_007));
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }
}
