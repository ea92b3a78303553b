//! A run's randomness. Which bytes it gives is part of the journal's format: a replay must see the same ones.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::OperationNumber;

/// ChaCha20 under the run's key. Stream 0 is the run's own; stream `n + 1` belongs to the step that is operation `n`,
/// so that computing a step and skipping it leave the run's own stream at the same place.
pub struct Generator {
    run: ChaCha20Rng,
    step: Option<ChaCha20Rng>,
}

impl Generator {
    /// The generator of a run, at its beginning.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Generator {
            run: ChaCha20Rng::from_seed(key),
            step: None,
        }
    }

    /// Fills with the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.step
            .as_mut()
            .unwrap_or(&mut self.run)
            .fill_bytes(bytes);
    }

    /// From here on, and until [`Generator::leave_step`], bytes come from the step's stream.
    pub fn enter_step(&mut self, step: OperationNumber) {
        let mut generator = ChaCha20Rng::from_seed(self.run.get_seed());
        generator.set_stream(u64::from(step.0) + 1);
        self.step = Some(generator);
    }

    /// Bytes come from the run's stream again.
    pub fn leave_step(&mut self) {
        self.step = None;
    }
}

/// The key is what makes a run's random bytes unpredictable; it does not belong in a log.
impl std::fmt::Debug for Generator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Generator")
            .field("in_step", &self.step.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take<const N: usize>(generator: &mut Generator) -> [u8; N] {
        let mut bytes = [0; N];
        generator.fill(&mut bytes);
        bytes
    }

    /// RFC 8439 has 96-bit nonces, which is the same stream for nonce 0 and block counter 0: section 2.3.2's cipher,
    /// appendix A.1, test vector 1 (key 0, nonce 0, counter 0).
    #[test]
    fn the_stream_is_chacha20() {
        let mut generator = Generator::new([0; 32]);
        assert_eq!(
            take::<16>(&mut generator),
            [
                0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90, 0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86,
                0xbd, 0x28
            ]
        );
    }

    #[test]
    fn a_step_does_not_move_the_run() {
        let mut skipped = Generator::new([7; 32]);
        let mut computed = Generator::new([7; 32]);
        assert_eq!(take::<5>(&mut skipped), take::<5>(&mut computed));
        computed.enter_step(OperationNumber(3));
        let in_step = take::<40>(&mut computed);
        computed.leave_step();
        let after = take::<40>(&mut computed);
        assert_ne!(in_step, after);
        assert_eq!(take::<40>(&mut skipped), after);
    }

    #[test]
    fn steps_have_streams_of_their_own() {
        let mut generator = Generator::new([7; 32]);
        generator.enter_step(OperationNumber(0));
        let first = take::<32>(&mut generator);
        generator.enter_step(OperationNumber(1));
        assert_ne!(first, take::<32>(&mut generator));
    }
}
