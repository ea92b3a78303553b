//! Where commands write: results to standard output, and remarks about them to standard error.

use std::io::{self, IsTerminal, Write};

/// Standard output and standard error.
pub struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// True if results may have colours.
    pub(crate) colour: bool,
    /// True if standard error is a terminal, so that a line on it can be replaced.
    pub(crate) watched: bool,
    /// True if a line of progress is shown now.
    progress: bool,
}

/// The escape sequence that goes back to the beginning of the line and erases it.
const CLEAR: &str = "\r\x1b[2K";

impl Terminal {
    /// Returns the standard output and standard error of this process.
    #[must_use]
    pub fn standard() -> Self {
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

    /// Writes a result, and ends the line if the result does not.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn print(&mut self, text: &str) -> io::Result<()> {
        self.write(text.as_bytes())?;
        if !text.ends_with('\n') {
            self.write(b"\n")?;
        }
        Ok(())
    }

    /// Writes an answer of the API, and ends the line.
    pub(crate) fn json(&mut self, answer: &[u8]) -> io::Result<()> {
        self.write(answer)?;
        self.write(b"\n")
    }

    /// Writes a result byte for byte.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.clear_progress()?;
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    /// Writes a remark about the result to standard error, as one line.
    ///
    /// # Errors
    /// If standard error is closed.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        self.clear_progress()?;
        writeln!(self.err, "{text}")
    }

    /// Writes a question to standard error, and leaves the line open for the answer.
    pub(crate) fn ask(&mut self, question: &str) -> io::Result<()> {
        self.clear_progress()?;
        write!(self.err, "{question}")?;
        self.err.flush()
    }

    /// Shows the progress in a line that the next call replaces. Does nothing if standard error is not a terminal.
    pub(crate) fn progress(&mut self, text: &str) -> io::Result<()> {
        if !self.watched {
            return Ok(());
        }
        self.progress = true;
        write!(self.err, "{CLEAR}{text}")?;
        self.err.flush()
    }

    /// Erases the line of progress.
    pub(crate) fn clear_progress(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.progress) {
            write!(self.err, "{CLEAR}")?;
            self.err.flush()?;
        }
        Ok(())
    }
}
