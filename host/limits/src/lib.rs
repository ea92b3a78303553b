//! The limits of a host, in one table, and the budget of its memory.
//!
//! A line of the table (`table.rs`) is all that a limit needs: its setting, help text, default, bounds and field of
//! [`Limits`] follow from it, and so does its line in `docs/reference/limits.md`, which a test compares. Code that
//! needs a limit reads the field. An error that comes from a limit names the setting by [`Limit::name`].

mod account;
mod budget;
mod limit;
mod table;
mod unit;

pub use account::{Account, Accounts};
pub use budget::{Budget, Grant, Part};
pub use limit::{InvalidValue, Limit, Unit};
pub use table::*;
pub use unit::{InvalidSpan, parse_span};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_a_value_and_is_written_as_it_is_read() {
        for limit in ALL {
            assert_eq!(
                limit.parse(&limit.written(limit.default)),
                Ok(limit.default),
                "{limit}"
            );
        }
    }

    #[test]
    fn each_limit_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = ALL.iter().map(|limit| limit.name).collect();
        assert_eq!(names.len(), ALL.len());
    }

    #[test]
    fn the_fields_are_read_in_the_order_of_the_table() {
        let mut next = 0;
        let limits = Limits::read(|limit| {
            assert_eq!(limit, ALL[next]);
            next += 1;
            Ok::<u64, InvalidValue>(limit.bounds.start() + next as u64)
        });
        let values: Vec<u64> = limits.unwrap().values().map(|(_, value)| value).collect();
        let expected: Vec<u64> = (1..)
            .zip(ALL)
            .map(|(place, limit)| limit.bounds.start() + place)
            .collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn a_value_out_of_bounds_is_refused_with_the_bounds() {
        let error = |limit: &Limit, text: &str| limit.parse(text).unwrap_err().to_string();
        assert_eq!(error(BODY, "0"), "give 1 bytes or more");
        assert_eq!(error(CPU, "0s"), "give 1ms or more");
        assert_eq!(error(INSTANCES, "0"), "give a whole number from 1 to 65536");
        assert!(error(BODY, "16 potatoes").starts_with("give a size, such as"));
        assert!(error(CPU, "soon").starts_with("give a span of time, such as"));
    }
}
