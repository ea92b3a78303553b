//! The `dormouse` binary. All its code is in the library, where tests can reach it.

use std::process::ExitCode;

/// A run makes some hundreds of small allocations. With the C library's allocator they take a fifth of a run's
/// processor time, and threads wait for each other. `BENCHMARKS.md` shows what this allocator saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    dormouse::cli::main()
}
