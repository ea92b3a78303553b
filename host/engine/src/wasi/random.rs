//! `wasi:random`: all random bytes come from the run's generator. The random numbers that WASI calls insecure are
//! secure here. Seeds, which WASI expects to differ from one execution to the next, are the same in every execution of
//! a run.

use dormouse_limits::BODY;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

use crate::guest::Guest;
use crate::limits::size;
use crate::stop::Stop;

impl Guest {
    fn fill<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.shared.lock().random.fill(&mut bytes);
        bytes
    }

    fn bytes(&self, length: u64) -> wasmtime::Result<Vec<u8>> {
        let mut state = self.shared.lock();
        let limit = size(state.host_limits.body);
        let Some(length) = usize::try_from(length)
            .ok()
            .filter(|length| *length <= limit)
        else {
            return Err(Stop::Limit(format!(
                "the workflow asked for {length} random bytes at once, and the limit is {limit}; ask for fewer, or \
                 raise the host's setting `{BODY}`"
            ))
            .into());
        };
        let mut bytes = vec![0; length];
        state.random.fill(&mut bytes);
        Ok(bytes)
    }
}

impl random::Host for Guest {
    fn get_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(length)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::from_le_bytes(self.fill()))
    }
}

impl insecure::Host for Guest {
    fn get_insecure_random_bytes(&mut self, length: u64) -> wasmtime::Result<Vec<u8>> {
        self.bytes(length)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::from_le_bytes(self.fill()))
    }
}

impl insecure_seed::Host for Guest {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        Ok((
            u64::from_le_bytes(self.fill()),
            u64::from_le_bytes(self.fill()),
        ))
    }
}
