//! The random numbers of a run. The bytes are part of the journal's format, because a replay must get the same ones.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::OperationNumber;

/// ChaCha20 under the run's key. Stream 0 is the run's own. Stream `n + 1` belongs to the step that is operation `n`,
/// so that the run's own stream is at the same place whether a step is computed or skipped.
pub struct Generator {
    run: ChaCha20Rng,
    step: Option<ChaCha20Rng>,
}

impl Generator {
    /// Creates the generator at the beginning of a run.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Generator {
            run: ChaCha20Rng::from_seed(key),
            step: None,
        }
    }

    /// Fills a buffer with the next bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.step
            .as_mut()
            .unwrap_or(&mut self.run)
            .fill_bytes(bytes);
    }

    /// Takes bytes from the step's stream, until [`Generator::leave_step`] is called.
    pub fn enter_step(&mut self, step: OperationNumber) {
        let mut generator = ChaCha20Rng::from_seed(self.run.get_seed());
        generator.set_stream(u64::from(step.0) + 1);
        self.step = Some(generator);
    }

    /// Takes bytes from the run's stream again.
    pub fn leave_step(&mut self) {
        self.step = None;
    }
}

/// The output leaves out the key, because the key makes the run's random bytes unpredictable and must not be in logs.
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

    /// RFC 8439 uses nonces of 96 bits. For nonce 0 and block counter 0 that is the same stream. See the cipher in
    /// section 2.3.2, and appendix A.1, test vector 1 (key 0, nonce 0, counter 0).
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
