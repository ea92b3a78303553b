//! Where commands write: results to standard output, and remarks about them to standard error.

use std::io::{self, IsTerminal, Write};

/// Standard output and standard error.
pub struct Terminal {
    out: Box<dyn Write>,
    err: Box<dyn Write>,
    /// True if standard output is a terminal, so that a person reads the results.
    is_read: bool,
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
        let is_read = io::stdout().is_terminal();
        Terminal {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            is_read,
            colour: is_read && !plain,
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

    /// Writes a payload byte for byte. On a terminal it also ends the line, so that the next prompt has a line of its own.
    ///
    /// # Errors
    /// If standard output is closed.
    pub(crate) fn payload(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)?;
        if self.is_read && !bytes.is_empty() && !bytes.ends_with(b"\n") {
            self.write(b"\n")?;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    /// An output that a test can look at.
    #[derive(Clone, Default)]
    struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_payload_ends_its_line_only_on_a_terminal() {
        let check = |is_read: bool, payload: &[u8], expected: &[u8]| {
            let written = Written::default();
            let mut terminal = Terminal {
                out: Box::new(written.clone()),
                err: Box::new(io::sink()),
                is_read,
                colour: false,
                watched: false,
                progress: false,
            };
            terminal.payload(payload).unwrap();
            assert_eq!(written.0.borrow().as_slice(), expected);
        };
        check(false, b"7", b"7");
        check(true, b"7", b"7\n");
        check(true, b"7\n", b"7\n");
        check(true, b"", b"");
    }
}
