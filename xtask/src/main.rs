//! The project's own commands: building, testing, and the demonstration.
//!
//! They need Rust and what they can install themselves, so that a new machine needs no list of things to do first.

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
mod python;
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
    /// Build the host and every guest.
    ///
    /// Leaves target/release/dormouse, and target/guests/NAME.wasm for each folder of examples/ and tests/guests/.
    ///
    /// Guests are built for wasm32-unknown-unknown. When that target is missing, it is added with rustup, or Debian's
    /// packages are used instead (rustc-web, cargo-web, rust-web-src, lld-19), installed if this may install them.
    Build {
        /// Leave the host out.
        #[arg(long)]
        guests_only: bool,
    },

    /// Run every test.
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

    /// Measure the host.
    ///
    /// Builds the released host, the guests and the benchmark, starts the host with real durability and drives it over
    /// HTTP. BENCHMARKS.md says what each figure means; `cargo xtask bench --help` lists the options.
    #[command(disable_help_flag = true)]
    Bench {
        /// Passed on to the benchmark, such as `--list`, `--quick` or `--only wake-warm`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },

    /// Show that one run, one caller or one clock cannot stop others.
    ///
    /// Builds the released host and what storms at it: kills, steps of the clock, floods, hostile runs and a full disk,
    /// beside neighbours that must lose nothing. Mounts a small disk and makes a cgroup where root may. `cargo xtask storm
    /// --help` lists the options.
    #[command(disable_help_flag = true)]
    Storm {
        /// Passed on to the storm, such as `--list`, `--minutes 5` or `--only kill,disk`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },

    /// Test the API from its own OpenAPI document.
    ///
    /// Builds what the tests need, starts the host on a free port of the loopback interface with a few runs, and has
    /// Schemathesis make up requests, right and wrong ones: every answer must be one that the document has, and none an
    /// error of the host. Schemathesis is installed from PyPI into target/schemathesis-venv.
    ///
    /// A request that was answered wrongly is shown as a command for curl; turn it into a test.
    ApiTest {
        /// Requests made up for each operation, beside those that go through the bounds of its parameters.
        #[arg(long, default_value_t = 30)]
        examples: u32,
        /// What the requests are made from: the same ones again for the same number.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },

    /// Show a run that lives through a kill of its host.
    ///
    /// Builds the host as the tests run it, which is not the released one. Starts the host and a small service, deploys examples/progress and starts a run of it. The service calls the
    /// run's webhook three times; in between, the host is killed and started again. Fails when the run's result is not
    /// what the service sent.
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
