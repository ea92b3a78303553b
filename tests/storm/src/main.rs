//! The storm. It starts the real host on a small disk and in little memory, does to it what the outside world and
//! hostile workflows can do, and checks that other runs lose nothing. `cargo xtask storm` builds the programs and runs
//! this one.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line's output is for the person in front of it"
)]

mod acts;
mod api;
mod clock;
mod confine;
mod faults;
mod host;
mod http;
mod neighbours;
mod prepare;
mod priority;
mod report;
mod rng;
mod samples;
mod service;
mod sleepers;
mod storm;
mod time;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, ValueEnum};

use acts::{Act, ActContext};
use faults::FaultLog;
use host::{Host, Setup};
use service::Service;

/// Attacks a host in many ways at once, and checks that other runs lose nothing.
///
/// The host runs with a preloaded library that can change the date which the host sees. As root, the command also gives the
/// host a small disk and 1 GiB of memory; it prints what it could not set up. An *act* is one kind of attack. After a quiet
/// period to compare with, each act is performed alone, and then three acts are performed at a time. Meanwhile other runs, the
/// neighbours, get numbered requests, sleep, and make calls.
///
/// At the end the command checks that every accepted request was delivered once and in order, that every sleeping run woke and
/// none woke early, that all attempts at a call had the same idempotency key, and that the host is ready. If a check fails, the
/// exit code is 1. A table shows how long requests to the measured neighbour took during each act; no value in it is a failure.
#[derive(Parser)]
#[command(
    name = "cargo xtask storm",
    after_help = "Examples:\n  cargo xtask storm --minutes 5\n  cargo xtask storm --seed 7 --only kill,disk,clock-year\n  \
                  cargo xtask storm --list"
)]
struct Cli {
    /// The duration of the attacks, in minutes. Five are needed if each of all acts is to be performed alone.
    #[arg(long, value_name = "N", default_value_t = 10.0)]
    minutes: f64,

    /// The seed of the order of the acts. The same seed gives the same order.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Performs only these acts.
    #[arg(long, value_name = "ACT", num_args = 1.., value_delimiter = ',')]
    only: Vec<Act>,

    /// Lists the acts.
    #[arg(long)]
    list: bool,

    /// The longest time, in seconds, that the host may take to start, to end, to be ready, or to accept a request.
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    patience: u64,

    /// Also writes the results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The host's program.
    #[arg(long, value_name = "BINARY")]
    host: PathBuf,

    /// The library that moves the host's date: tests/storm/clock, compiled.
    #[arg(long, value_name = "LIBRARY")]
    clock: Option<PathBuf>,

    /// The workflow that all runs execute: tests/guests/script as a component.
    #[arg(long, value_name = "FILE")]
    guest: PathBuf,

    /// The folder for all files of the storm. If a check fails, the host's log is left there.
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    // `--list` is handled before clap asks for the arguments that only a storm needs.
    if std::env::args().any(|argument| argument == "--list") {
        for act in Act::value_variants() {
            println!("{:<16} {}", act.name(), act.title());
        }
        return ExitCode::SUCCESS;
    }
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the storm. Returns true if the host made no fault.
fn run(cli: &Cli) -> anyhow::Result<bool> {
    fs::create_dir_all(&cli.folder)
        .with_context(|| format!("cannot make the folder {}", cli.folder.display()))?;
    let folder = fs::canonicalize(&cli.folder)?;
    let guest = fs::read(&cli.guest)
        .with_context(|| format!("cannot read the workflow {}", cli.guest.display()))?;
    let program = fs::canonicalize(&cli.host)
        .with_context(|| format!("there is no host {}", cli.host.display()))?;
    let library = cli.clock.as_ref().map(fs::canonicalize).transpose();
    let library = library.context("the library that moves the clock is missing")?;
    let interrupted = interruption()?;
    let fault_log = FaultLog::new();
    let inside = tempfile::tempdir_in(&folder)?;
    let setup = Setup {
        program: &program,
        clock_library: library.as_deref(),
        folder: inside.path(),
        timeout: Duration::from_secs(cli.patience),
    };
    let host = Host::set_up(&setup, &fault_log)?;
    let service = Service::start()?;
    let context = ActContext {
        targets: prepare::prepare(&host, &guest, &fault_log)?,
        host: &host,
        service: &service,
        fault_log: &fault_log,
        interrupted: &interrupted,
    };
    let acts = possible(cli, &context);
    let lasts =
        Duration::try_from_secs_f64(cli.minutes * 60.0).context("--minutes is not a valid time")?;
    let results = storm::run_storm(&context, &acts, cli.seed, lasts);
    report::print(&results);
    let faults = fault_log.faults();
    if let Some(file) = &cli.json {
        let text = format!("{:#}\n", report::json(&results, cli.seed, &faults));
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if interrupted.load(Ordering::Relaxed) {
        println!("The storm was interrupted, so nothing is judged.");
        return Ok(false);
    }
    verdict(&faults, &host, &folder, cli.seed)
}

fn verdict(
    faults: &[String],
    host: &Host,
    folder: &std::path::Path,
    seed: u64,
) -> anyhow::Result<bool> {
    println!();
    if faults.is_empty() {
        println!(
            "No fault: what was accepted was delivered, once and in order, and the host is ready."
        );
        return Ok(true);
    }
    println!("{} faults, with --seed {seed}:", faults.len());
    for fault in faults {
        println!("- {fault}");
    }
    let log = folder.join("host.log");
    fs::write(&log, host.log())?;
    println!("What the host logged is in {}.", log.display());
    Ok(false)
}

/// Returns the requested acts that can be done on this machine, and prints which cannot.
fn possible(cli: &Cli, context: &ActContext<'_>) -> Vec<Act> {
    let asked = match cli.only.as_slice() {
        [] => Act::value_variants(),
        only => only,
    };
    let mut acts = Vec::new();
    for &act in asked {
        match act.impossible(context) {
            None => acts.push(act),
            Some(reason) => context
                .fault_log
                .progress(&format!("NOT DONE: {}: {reason}", act.name())),
        }
    }
    acts
}

/// Returns a flag that becomes true when the process is asked to end. The storm then ends in its usual way, so that
/// nothing stays mounted.
fn interruption() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let told = interrupted.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let terminate = async {
                if let Ok(mut signal) = signal(SignalKind::terminate()) {
                    signal.recv().await;
                }
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                () = terminate => {}
            }
        });
        told.store(true, Ordering::Relaxed);
        println!("interrupted: the storm ends within some seconds, and cleans up");
    });
    Ok(interrupted)
}
