//! The project's own commands: building, testing, and the demonstration.
//!
//! The commands need only Rust. They install the other tools themselves, so a new machine needs no preparation.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line's output is for the person in front of it"
)]

mod apart;
mod api_test;
mod bench;
mod build;
mod callback_service;
mod client;
mod command;
mod demo;
mod environment;
mod guests;
mod javascript;
mod packages;
mod pause;
mod profile;
mod python;
mod record_profile;
mod storm;
mod test;
mod toolchain;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

/// Builds, tests and shows Dormouse.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the host and every guest.
    ///
    /// Leaves target/release/dormouse, and target/guests/NAME.wasm for each folder of examples/ and tests/guests/.
    ///
    /// Guests are built for wasm32-unknown-unknown. If that target is missing, it is added with rustup. Without
    /// rustup, Debian's packages are used (rustc-web, cargo-web, rust-web-src, lld-19), which the command installs if it has
    /// the right to.
    Build {
        /// Builds only the guests.
        #[arg(long)]
        guests_only: bool,
    },

    /// Runs every test.
    ///
    /// Builds what the tests need first: the guests, and the host without optimisation of its own code. Then runs the
    /// tests of all crates with cargo-nextest (or with cargo test, where that is not installed), and the examples in
    /// the documentation.
    Test {
        /// Passed on to cargo-nextest: a part of a test's name, or options such as `-E 'package(dormouse-journal)'`.
        /// With any of these, the examples in the documentation are left out.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },

    /// Measures the host.
    ///
    /// Builds the released host, the guests and the benchmark, starts the host with real durability and drives it over
    /// HTTP. BENCHMARKS.md says what each figure means; `cargo xtask bench --help` lists the options.
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to the benchmark, such as `--list`, `--quick` or `--only wake-warm`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },

    /// Records the profile by which the released host is optimised.
    ///
    /// Builds a host that counts what it executes, lets the benchmark use it, and writes tests/bench/host.profdata. Takes
    /// about an hour. Needs llvm-profdata (`rustup component add llvm-tools`, or Debian's llvm-19). Record the profile again when
    /// the version of the compiler or much of the host has changed: it says nothing about code that it does not know.
    Profile,

    /// Attacks a host in many ways at once, and checks that other runs lose nothing.
    ///
    /// Builds the released host and the program that attacks it with kills, steps of the clock, floods, hostile runs and a
    /// full disk. As root, it also mounts a small disk and makes a cgroup for the host. `cargo xtask storm
    /// --help` lists the options.
    #[command(disable_help_flag = true)]
    Storm {
        /// Passed on to the storm, such as `--list`, `--minutes 5` or `--only kill,disk`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },

    /// Tests the API against its own OpenAPI document.
    ///
    /// Builds what the tests need, starts the host on a free port of the loopback interface with a few runs, and lets
    /// Schemathesis generate valid and invalid requests. Every answer must be one that the document describes, and none may
    /// be an internal error of the host. Schemathesis is installed from PyPI into target/schemathesis-venv.
    ///
    /// A request with a wrong answer is printed as a curl command. Turn it into a test.
    ApiTest {
        /// The number of requests to generate for each operation, besides those that try the bounds of its parameters.
        #[arg(long, default_value_t = 30)]
        examples: u32,
        /// The seed of the requests. The same seed generates the same requests.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Shows a run that survives a kill of its host.
    ///
    /// Builds the host as the tests use it, without optimisation of its own code. Starts the host and a small service, deploys
    /// examples/progress and starts a run of it. The service calls the run's webhook three times; in between, the host
    /// is killed and started again. Fails if the run's result is not what the service sent.
    Demo,

    /// The service of the demonstration.
    #[command(hide = true)]
    CallbackService {
        /// The port of the loopback interface to listen on.
        #[arg(long)]
        port: u16,
    },
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    let outcome = match Cli::parse().command {
        Command::Build { guests_only } => build::build(&workspace, guests_only),
        Command::Test { args } => test::test(&workspace, &args),
        Command::Bench { args } => bench::bench(&workspace, &args),
        Command::Profile => record_profile::record(&workspace),
        Command::Storm { args } => storm::storm(&workspace, &args),
        Command::ApiTest { examples, seed } => api_test::api_test(&workspace, examples, seed),
        Command::Demo => demo::demo(&workspace),
        Command::CallbackService { port } => callback_service::serve(port),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
