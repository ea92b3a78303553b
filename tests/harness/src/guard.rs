//! A process that ends when its owner is dropped.

use std::io;
use std::process::{Child, Command};

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct ChildGuard(Child);

impl ChildGuard {
    /// Starts a process.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        command.spawn().map(ChildGuard)
    }

    /// Returns the process, so that the caller can read from it or wait for it.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Returns the id of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills the process (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// If the process cannot be signalled or waited for.
    pub fn kill(mut self) -> io::Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for ChildGuard {
    fn drop(&mut self) {
        // The process may have ended by itself, so errors have no meaning.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
