//! The beginning of a run's id, by which users name runs.

use dormouse_journal::RunId;

use super::{Malformed, QueryParams};

/// The number of hexadecimal digits in an id.
const DIGITS: usize = 32;

/// The ids that begin with a text: the first and the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    /// The first id.
    pub first: RunId,
    /// The last id.
    pub last: RunId,
}

impl IdPrefix {
    /// Reads the parameter `id` of a query.
    ///
    /// # Errors
    /// When it is not the beginning of an id.
    pub fn from_query(params: &QueryParams) -> Result<Option<Self>, Malformed> {
        let text = params.text("id");
        text.map(|text| {
            Self::read(text).ok_or_else(|| {
                let why = format!(
                    "is {text:?}, which is not the beginning of a run's id: give hexadecimal digits with hyphens as ids have \
                     them, such as `0198d2c4-7c`"
                );
                Malformed::of_query("id", why)
            })
        })
        .transpose()
    }

    /// Reads the beginning of an id. Returns `None` if no id can begin with this text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut digits = Vec::new();
        for (place, letter) in text.chars().enumerate() {
            let is_hyphen = matches!(place, 8 | 13 | 18 | 23);
            match (is_hyphen, letter.to_digit(16)) {
                (true, None) if letter == '-' => {}
                (false, Some(digit)) => digits.push(u8::try_from(digit).ok()?),
                _ => return None,
            }
        }
        if digits.is_empty() || digits.len() > DIGITS {
            return None;
        }
        let filled = |fill: u8| {
            let digit = |place: usize| digits.get(place).copied().unwrap_or(fill);
            RunId(std::array::from_fn(|byte| {
                digit(2 * byte) << 4 | digit(2 * byte + 1)
            }))
        };
        Some(IdPrefix {
            first: filled(0),
            last: filled(0xf),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Option<(String, String)> {
        let prefix = IdPrefix::read(text)?;
        Some((prefix.first.to_string(), prefix.last.to_string()))
    }

    #[test]
    fn from_the_first_to_the_last_with_this_beginning() {
        let check = |text: &str, first: &str, last: &str| {
            assert_eq!(range(text), Some((first.into(), last.into())), "{text}");
        };
        check(
            "0198D2c4-7",
            "0198d2c4-7000-0000-0000-000000000000",
            "0198d2c4-7fff-ffff-ffff-ffffffffffff",
        );
        check(
            "f",
            "f0000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        );
        let whole = "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d6";
        check(whole, whole, whole);
        check(
            "0198d2c4-",
            "0198d2c4-0000-0000-0000-000000000000",
            "0198d2c4-ffff-ffff-ffff-ffffffffffff",
        );
    }

    #[test]
    fn texts_with_which_no_id_begins() {
        for text in [
            "",
            "-",
            "x",
            "0198d2c47",
            "0198-",
            "0198d2c4-7c1e-7b52-9d3a-2f60a1b4c5d60",
            "ä",
        ] {
            assert_eq!(range(text), None, "{text}");
        }
    }
}
