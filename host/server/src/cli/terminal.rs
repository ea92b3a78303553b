//! Where commands write: results to standard output, everything said about them to standard error.

use std::io::{self, IsTerminal, Write};

/// Standard output and standard error.
pub(super) struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// Whether results may have colours.
    pub(super) colour: bool,
    /// Whether somebody watches standard error, so that a line in it may change.
    pub(super) watched: bool,
    /// Whether such a line is there now.
    progress: bool,
}

/// Back to the line's beginning, and the line away.
const CLEAR: &str = "\r\x1b[2K";

impl Terminal {
    /// Those of this process.
    pub(super) fn standard() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Terminal {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            colour: io::stdout().is_terminal() && !plain,
            watched: io::stderr().is_terminal() && !plain,
            progress: false,
        }
    }

    /// Writes a result, with a line's end behind it.
    pub(super) fn print(&mut self, text: &str) -> io::Result<()> {
        self.write(text.as_bytes())?;
        if !text.ends_with('\n') {
            self.write(b"\n")?;
        }
        Ok(())
    }

    /// Writes an answer of the API, and ends the line.
    pub(super) fn json(&mut self, answer: &[u8]) -> io::Result<()> {
        self.write(answer)?;
        self.write(b"\n")
    }

    /// Writes a result byte for byte.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clear_progress()?;
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Says something beside the result.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.clear_progress()?;
        writeln!(self.err, "{text}")
    }

    /// Asks for something, and leaves the line open for the answer.
    pub(super) fn ask(&mut self, question: &str) -> io::Result<()> {
        self.clear_progress()?;
        write!(self.err, "{question}")?;
        self.err.flush()
    }

    /// Shows what is going on, in a line that the next one takes the place of. Only if somebody watches.
    pub(super) fn progress(&mut self, text: &str) -> io::Result<()> {
        if !self.watched {
            return Ok(());
        }
        self.progress = true;
        write!(self.err, "{CLEAR}{text}")?;
        self.err.flush()
    }

    /// Takes that line away.
    pub(super) fn clear_progress(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.progress) {
            write!(self.err, "{CLEAR}")?;
            self.err.flush()?;
        }
        Ok(())
    }
}
