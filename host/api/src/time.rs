//! Points in time: RFC 3339, in UTC, to the millisecond.

use std::fmt;

use dormouse_journal::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A point in time, as RFC 3339 writes it in UTC, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-01T08:00:00.000Z")]
pub struct Timestamp(pub Time);

impl From<Time> for Timestamp {
    fn from(time: Time) -> Self {
        Timestamp(time)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // RFC 3339 ends with the year 9999. A deadline beyond is "never", and shows as that year's end.
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
        let time: jiff::Timestamp = text.parse().map_err(de::Error::custom)?;
        u64::try_from(time.as_millisecond())
            .map(|time| Timestamp(Time(time)))
            .map_err(|_| de::Error::custom("a time before 1970"))
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
    fn times_survive() {
        let time = Timestamp(Time(1_772_352_000_007));
        let json = serde_json::to_string(&time).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), time);
        assert!(serde_json::from_str::<Timestamp>("\"yesterday\"").is_err());
    }
}
