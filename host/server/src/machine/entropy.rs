//! The system's randomness.

use dormouse_seams::Entropy;

/// The system's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness, the host cannot make tokens that nobody can guess, so it cannot continue.
        if let Err(error) = getrandom::fill(bytes) {
            tracing::error!(%error, "the operating system returns no random bytes");
            std::process::abort();
        }
    }
}
