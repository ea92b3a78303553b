//! The run's randomness for key generation and padding.

use std::convert::Infallible;

use rsa::rand_core::{TryCryptoRng, TryRng};

use super::context::draw;

/// The run's randomness. As with [`draw`], a use at deployment is noted.
pub(super) struct RunRng;

impl TryRng for RunRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        for piece in target.chunks_mut(4096) {
            let length = u32::try_from(piece.len()).unwrap_or_default();
            for (byte, drawn) in piece.iter_mut().zip(draw(length)) {
                *byte = drawn;
            }
        }
        Ok(())
    }
}

impl TryCryptoRng for RunRng {}
