//! Finds the forms of secrets in a text.
//!
//! The text is read up to four times: as it is, and with the escapes of a URL, of JSON and of HTML resolved. So it does
//! not matter which letters a program escapes, and base64 whose `+` was escaped is found too. Each reading is one pass,
//! however many secrets there are.

use std::ops::Range;

use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};

use super::forms::Form;

/// Finds forms. It does not implement `Debug`, since the automaton's `Debug` would show the secrets.
pub(super) struct Scanner {
    automaton: NFA,
    start: StateID,
    /// The forms, in the order of the automaton's numbers.
    forms: Vec<Form>,
    /// How many letters the longest form has, with the letter before its text.
    longest: usize,
}

impl Scanner {
    /// Returns a scanner for these forms. None if there are no forms, or too many for an automaton.
    pub(super) fn new(forms: Vec<Form>) -> Option<Self> {
        let automaton = NFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .prefilter(false)
            .build(forms.iter().map(|form| &form.text))
            .ok()?;
        Some(Scanner {
            start: automaton.start_state(Anchored::No).ok()?,
            longest: forms.iter().map(Form::letters).max()?,
            automaton,
            forms,
        })
    }

    /// Returns the ranges of a text in which forms were found, in order. Ranges that overlap or touch are merged.
    pub(super) fn find(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.read(text, as_it_is, &mut found);
        // A text without the letter that begins an escape has no escapes to resolve.
        if text.contains(&b'%') {
            self.read(text, percent, &mut found);
        }
        if text.contains(&b'\\') {
            self.read(text, json, &mut found);
        }
        if text.contains(&b'&') {
            self.read(text, html, &mut found);
        }
        found.sort_unstable_by_key(|range| range.start);
        found.dedup_by(|next, merged| {
            let joined = next.start <= merged.end;
            if joined {
                merged.end = merged.end.max(next.end);
            }
            joined
        });
        found
    }

    /// Reads the text once, and adds the ranges of the forms in it. `letter` returns the next letter and how many bytes it
    /// takes.
    fn read(
        &self,
        text: &[u8],
        letter: impl Fn(&[u8]) -> (u8, usize),
        found: &mut Vec<Range<usize>>,
    ) {
        // The offsets of the last letters, indexed by the letter's number modulo `longest`.
        let mut starts = vec![0; self.longest];
        let (mut count, mut at) = (0, 0);
        let mut state = self.start;
        while at < text.len() {
            let (byte, length) = letter(&text[at..]);
            starts[count % self.longest] = at;
            count += 1;
            at += length;
            state = self.automaton.next_state(Anchored::No, state, byte);
            if !self.automaton.is_match(state) {
                continue;
            }
            for index in 0..self.automaton.match_len(state) {
                let form = &self.forms[self.automaton.match_pattern(state, index).as_usize()];
                let start = starts[count.saturating_sub(form.letters()) % self.longest];
                let mut end = at;
                if form.after && end < text.len() {
                    end += letter(&text[end..]).1;
                }
                add(found, start..end);
            }
        }
    }
}

/// Adds a range, and merges it with the last one if they overlap or touch, so that a text full of secrets does not make
/// a long list.
fn add(found: &mut Vec<Range<usize>>, range: Range<usize>) {
    match found.last_mut() {
        Some(last) if last.start <= range.start && range.start <= last.end => {
            last.end = last.end.max(range.end);
        }
        _ => found.push(range),
    }
}

fn as_it_is(text: &[u8]) -> (u8, usize) {
    (text[0], 1)
}

/// Returns the first letter and its length in bytes, with an escape like `%2B` resolved.
fn percent(text: &[u8]) -> (u8, usize) {
    match *text {
        [b'%', high, low, ..] => match number(&[high, low], 16) {
            Some(byte) => (byte, 3),
            None => (b'%', 1),
        },
        _ => as_it_is(text),
    }
}

/// Returns the first letter and its length in bytes, with an escape like `\/` resolved, and one like `\u002b` if it is in
/// ASCII. Beyond ASCII, the forms contain the escapes.
fn json(text: &[u8]) -> (u8, usize) {
    match *text {
        [b'\\', b'u', a, b, c, d, ..] => match number(&[a, b, c, d], 16) {
            Some(byte) if byte.is_ascii() => (byte, 6),
            _ => (b'\\', 1),
        },
        [b'\\', byte @ (b'"' | b'\\' | b'/' | b'\''), ..] => (byte, 2),
        [b'\\', b't', ..] => (b'\t', 2),
        _ => as_it_is(text),
    }
}

/// Returns the first letter and its length in bytes, with an escape like `&amp;`, `&#43;` or `&#x2b;` resolved.
fn html(text: &[u8]) -> (u8, usize) {
    /// The longest escape that is resolved, which has a few zeros: `&#x0000ff;`.
    const LONGEST: usize = 10;
    if text[0] != b'&' {
        return as_it_is(text);
    }
    let near = &text[1..text.len().min(LONGEST)];
    let Some(length) = near.iter().position(|&byte| byte == b';') else {
        return as_it_is(text);
    };
    let byte = match &near[..length] {
        b"amp" => Some(b'&'),
        b"lt" => Some(b'<'),
        b"gt" => Some(b'>'),
        b"quot" => Some(b'"'),
        b"apos" => Some(b'\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    };
    match byte {
        Some(byte) => (byte, length + 2),
        None => as_it_is(text),
    }
}

/// Returns the byte that these digits stand for. None if they are not digits, or the number is larger than a byte.
fn number(digits: &[u8], radix: u32) -> Option<u8> {
    // `from_str_radix` would also accept a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}
