//! The `dormouse` binary. All of it is in the library, where tests reach it.

use std::process::ExitCode;

/// A run makes some hundreds of small allocations. The C library's allocator takes a fifth of a run's processor time, and its
/// threads wait for each other; `BENCHMARKS.md` has what this one saves.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    dormouse::cli::main()
}
