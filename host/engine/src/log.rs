//! The log of a run: what its guest passed to `log` and wrote to standard output and standard error, up to a limit.

use std::mem;

use dormouse_journal::{Level, LogLine, Time};

/// The longest line in bytes. A longer text without an end of line is cut here.
const LINE: usize = 16 << 10;

/// The number of bytes of the log's limit that a line takes in addition to its text, so that empty lines take some
/// too.
const LINE_COST: usize = 32;

/// The number of bytes of a guest's last words that go into a failure's message.
const FINAL_OUTPUT_BYTES: usize = 8 << 10;

/// What an instance has logged.
pub(crate) struct Log {
    limit: usize,
    /// The size of the run's log so far, in bytes. It exceeds the limit once a line was dropped.
    logged: usize,
    lines: Vec<LogLine>,
    out: LineBuffer,
    err: LineBuffer,
    last_error: Option<String>,
    stderr: String,
}

/// One of the two standard streams for output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Standard output, which is logged at the level `info`.
    Out,
    /// Standard error, which is logged at the level `warn`.
    Err,
}

/// The last output of a guest before it ended. It makes a better message than any that the host could make.
#[derive(Default)]
pub(crate) struct FinalOutput {
    /// The last line that the guest logged as an error.
    pub error: Option<String>,
    /// The end of what the guest wrote to standard error.
    pub stderr: Option<String>,
}

impl FinalOutput {
    /// Returns the guest's last output, or this message if there is none.
    pub(crate) fn or(self, message: String) -> String {
        self.error.or(self.stderr).unwrap_or(message)
    }
}

impl Stream {
    pub(crate) fn level(self) -> Level {
        match self {
            Stream::Out => Level::Info,
            Stream::Err => Level::Warn,
        }
    }
}

impl Log {
    pub(crate) fn new(limit: usize, logged: usize) -> Self {
        Log {
            limit,
            logged,
            lines: Vec::new(),
            out: LineBuffer::default(),
            err: LineBuffer::default(),
            last_error: None,
            stderr: String::new(),
        }
    }

    /// Returns the size in bytes of the run's log so far.
    pub(crate) fn logged(&self) -> usize {
        self.logged
    }

    /// Restores the lines and the size of the log of an instance that is gone.
    pub(crate) fn restore(&mut self, lines: Vec<LogLine>, logged: usize) {
        self.lines = lines;
        self.logged = logged;
    }

    /// Forgets the guest's output so far, so that it does not count as its last words.
    pub(crate) fn forget_final_output(&mut self) {
        self.last_error = None;
        self.stderr.clear();
    }

    /// Remembers a line, also in a replay, because it may become the guest's last words.
    pub(crate) fn hear(&mut self, level: Level, message: &str) {
        if level == Level::Error {
            self.last_error = Some(end_of(message).to_owned());
        }
    }

    /// Adds a line, and returns whether one was added. In place of the first line beyond the limit it adds a line
    /// that says so. After that it adds none.
    pub(crate) fn keep(&mut self, time: Time, level: Level, message: &str) -> bool {
        if self.logged > self.limit {
            return false;
        }
        let cost = message.len().saturating_add(LINE_COST);
        let full = self.limit - self.logged < cost;
        self.logged = if full {
            self.limit.saturating_add(1)
        } else {
            self.logged + cost
        };
        let line = if full {
            LogLine {
                time,
                level: Level::Warn,
                message: format!(
                    "the log of this run is full, at {} bytes; what it logs from here on is dropped. Log less, or \
                     raise the host's setting `{}`",
                    self.limit,
                    dormouse_limits::LOG
                ),
            }
        } else {
            LogLine {
                time,
                level,
                message: message.to_owned(),
            }
        };
        self.lines.push(line);
        true
    }

    /// Takes what the guest wrote to a stream, and returns the lines that are complete.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Vec<String> {
        let lines = self.buffer(stream).write(bytes);
        self.remember(stream, &lines);
        lines
    }

    /// Returns what the guest wrote to a stream since its last end of line. None if it wrote nothing.
    pub(crate) fn flush(&mut self, stream: Stream) -> Option<String> {
        let line = self.buffer(stream).flush();
        self.remember(stream, line.as_slice());
        line
    }

    pub(crate) fn take_lines(&mut self) -> Vec<LogLine> {
        mem::take(&mut self.lines)
    }

    pub(crate) fn take_final_output(&mut self) -> FinalOutput {
        FinalOutput {
            error: self.last_error.take(),
            stderr: Some(mem::take(&mut self.stderr).trim_end().to_owned())
                .filter(|text| !text.is_empty()),
        }
    }

    fn buffer(&mut self, stream: Stream) -> &mut LineBuffer {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }

    fn remember(&mut self, stream: Stream, lines: &[String]) {
        if stream == Stream::Out {
            return;
        }
        for line in lines {
            self.stderr.push_str(line);
            self.stderr.push('\n');
        }
        let kept = end_of(&self.stderr).len();
        self.stderr.drain(..self.stderr.len() - kept);
    }
}

/// Bytes without an end of line.
#[derive(Default)]
struct LineBuffer(Vec<u8>);

impl LineBuffer {
    fn write(&mut self, mut bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        while !bytes.is_empty() {
            let room = bytes.len().min(LINE - self.0.len());
            let end = bytes[..room].iter().position(|byte| *byte == b'\n');
            let taken = end.unwrap_or(room);
            self.0.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken + usize::from(end.is_some())..];
            if end.is_some() || self.0.len() == LINE {
                lines.push(self.take());
            }
        }
        lines
    }

    fn flush(&mut self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = String::from_utf8_lossy(&self.0)
            .trim_end_matches('\r')
            .to_owned();
        self.0.clear();
        line
    }
}

/// Returns the end of a text: its last [`FINAL_OUTPUT_BYTES`] bytes, from the start of a character.
fn end_of(text: &str) -> &str {
    let mut start = text.len().saturating_sub(FINAL_OUTPUT_BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(log: &mut Log) -> Vec<String> {
        log.take_lines()
            .into_iter()
            .map(|line| line.message)
            .collect()
    }

    #[test]
    fn output_is_cut_into_lines() {
        let mut log = Log::new(100, 0);
        assert_eq!(log.write(Stream::Out, b"one\ntwo\r\nth"), ["one", "two"]);
        assert_eq!(log.write(Stream::Out, b"ree\n\n"), ["three", ""]);
        assert_eq!(log.flush(Stream::Out), None);
        assert!(log.write(Stream::Err, b"rest").is_empty());
        assert_eq!(log.flush(Stream::Err).as_deref(), Some("rest"));
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let mut log = Log::new(100, 0);
        let lines = log.write(Stream::Out, &vec![b'x'; 2 * LINE + 1]);
        assert_eq!(
            lines.iter().map(String::len).collect::<Vec<_>>(),
            [LINE, LINE]
        );
        assert_eq!(log.flush(Stream::Out).as_deref(), Some("x"));
    }

    #[test]
    fn bytes_that_are_not_text_do_no_harm() {
        let mut log = Log::new(100, 0);
        assert_eq!(log.write(Stream::Out, b"\xff\n"), ["\u{fffd}"]);
    }

    #[test]
    fn past_the_budget_one_line_says_so() {
        let mut log = Log::new(LINE_COST + 10, 0);
        assert!(log.keep(Time(0), Level::Info, "1234567890"));
        assert!(log.keep(Time(0), Level::Info, ""));
        assert!(!log.keep(Time(0), Level::Info, ""));
        let lines = messages(&mut log);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].contains("log-limit"), "{lines:?}");
        let mut rebuilt = Log::new(LINE_COST + 10, log.logged());
        assert!(!rebuilt.keep(Time(0), Level::Info, ""), "it is said once");
    }

    #[test]
    fn the_final_output_is_the_end_of_standard_error() {
        let mut log = Log::new(10, 0);
        log.write(Stream::Err, "ö".repeat(FINAL_OUTPUT_BYTES).as_bytes());
        log.write(Stream::Err, b"\nValueError: no\n");
        let final_output = log.take_final_output();
        let text = final_output.stderr.unwrap();
        assert!(text.len() <= FINAL_OUTPUT_BYTES && text.ends_with("ValueError: no"));
        assert_eq!(final_output.error, None);
    }
}
