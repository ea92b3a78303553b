//! Texts from workflows and callers, made safe for a terminal, and sizes and statuses for people.

use std::collections::BTreeMap;

use dormouse_journal::Status;

/// Escapes the characters of a text that would control the terminal. A workflow or a caller wrote the text, and a log
/// line must not be able to rewrite the reader's screen. Line breaks and tabs stay.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        if (character.is_control() && !matches!(character, '\n' | '\t'))
            || is_bidirectional(character)
        {
            plain.extend(character.escape_unicode());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Escapes a text as [`plain`] does, and its line breaks too, so that it stays on one line.
pub fn plain_line(text: &str) -> String {
    plain(text).replace('\n', "\\n").replace('\t', " ")
}

/// Moves every line but the first to the right by this many characters.
pub(crate) fn indented(text: &str, by: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{:by$}", ""))
}

/// Formats the labels of a run.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    let labels = labels.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| plain_line(&format!("{key}:{value}")))
        .collect();
    labels.join(" ")
}

/// Formats a size, with one digit after the decimal point.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1 << 10 {
        return counted(bytes, "byte");
    }
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "bytes";
    for next in UNITS {
        if tenths < 10 << 10 {
            break;
        }
        tenths /= 1 << 10;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// Formats a number with the name of the counted things, in the singular or plural.
pub(crate) fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// Returns the colour of a status, as the parameter of an escape sequence.
pub(crate) fn colour(status: Status) -> u8 {
    match status {
        Status::Completed => 32,
        Status::Failed => 31,
        Status::Blocked => 33,
        Status::Pending | Status::Running => 36,
        Status::Suspended => 34,
        Status::Cancelled => 90,
    }
}

/// Wraps a text in the escape sequences of a colour.
pub(crate) fn coloured(text: &str, colour: u8) -> String {
    format!("\x1b[{colour}m{text}\x1b[0m")
}

/// Returns true if a character changes the order in which text is shown.
fn is_bidirectional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\rc\u{9b}d"), "a\\u{1b}[2Jb\\u{d}c\\u{9b}d");
        assert_eq!(plain("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(plain("two\nlines\tand \u{fc}"), "two\nlines\tand \u{fc}");
        assert_eq!(plain_line("two\nlines"), "two\\nlines");
    }

    #[test]
    fn sizes_are_short() {
        let table = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (u64::MAX, "16383.9 PiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(size(bytes), expected, "{bytes}");
        }
    }

    #[test]
    fn further_lines_stand_under_the_first() {
        assert_eq!(indented("a\nb\nc\n", 2), "a\n  b\n  c");
    }
}
