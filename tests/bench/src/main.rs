//! The benchmark. It starts the real host with real durability, drives the host over HTTP from this process, and
//! prints the measured values. BENCHMARKS.md says what each figure means. `cargo xtask bench` builds the programs and
//! runs this one.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line's output is for the person in front of it"
)]

mod asking;
mod client;
mod closed_loop;
mod disk;
mod dormant;
mod figures;
mod floor;
mod host;
mod lab;
mod load;
mod open_loop;
mod pauses;
mod report;
mod statistics;
mod time;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

use figures::Figure;
use lab::{Lab, Language};
use report::Finding;
use time::{Moment, epoch_millis};

/// Measures the host. BENCHMARKS.md explains the figures.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Cli {
    /// Measures only these figures.
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    only: Vec<Figure>,

    /// Lists the figures.
    #[arg(long)]
    list: bool,

    /// Measures each figure with less data, in seconds instead of minutes. The results are too rough to be quoted.
    #[arg(long)]
    quick: bool,

    /// The number of measurements of each figure. Their median and spread are printed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    repeats: u16,

    /// The duration of the sustained load, in minutes. The default is 10, or 1 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    minutes: Option<u16>,

    /// Also writes all results to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The host's program.
    #[arg(long, value_name = "BINARY")]
    host: PathBuf,

    /// Another host's program, such as an earlier build. The figure `compare` measures both in turn.
    #[arg(long, value_name = "BINARY")]
    against: Option<PathBuf>,

    /// The workflow: tests/guests/waiter as a component.
    #[arg(long, value_name = "FILE")]
    guest: PathBuf,

    /// The same workflow in TypeScript: tests/guests/waiter/flow.ts.
    #[arg(long, value_name = "FILE")]
    typescript: PathBuf,

    /// The same workflow in Python, as a component.
    #[arg(long, value_name = "FILE")]
    python: PathBuf,

    /// The folder for the hosts' data directories. Its disk is the one that is measured.
    #[arg(long, value_name = "FOLDER")]
    folder: PathBuf,
}

/// A sync that takes fewer milliseconds than this does not reach a disk: the folder is in memory.
const NO_DISK: f64 = 0.005;

fn main() -> ExitCode {
    let served = floor::asked_for(std::env::args_os().skip(1));
    if let Some(result) = served.map(|folder| floor::serve(&folder)) {
        return finish(result);
    }
    let cli = Cli::parse();
    if cli.list {
        for figure in Figure::value_variants() {
            println!("{:<16} {}", figure.name(), figure.title());
        }
        return ExitCode::SUCCESS;
    }
    finish(bench(cli))
}

fn finish(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the benchmark. One thread drives all clients, so that the host has the other processors.
#[tokio::main(flavor = "current_thread")]
async fn bench(cli: Cli) -> anyhow::Result<()> {
    fs::create_dir_all(&cli.folder)
        .with_context(|| format!("cannot make the folder {}", cli.folder.display()))?;
    let read = |file: &Path| {
        fs::read(file).with_context(|| format!("cannot read the workflow {}", file.display()))
    };
    let guest = read(&cli.guest)?;
    let language = |name, content_type, upload| Language {
        name,
        upload,
        content_type,
    };
    let languages = vec![
        language("rust", "application/wasm", guest.clone()),
        language(
            "typescript",
            "application/typescript",
            read(&cli.typescript)?,
        ),
        language("python", "application/wasm", read(&cli.python)?),
    ];
    let mut lab = Lab {
        sync: disk::sync(&cli.folder)?,
        host: cli.host,
        against: cli.against,
        component: guest,
        languages,
        folder: cli.folder,
        repeats: usize::from(cli.repeats),
        quick: cli.quick,
        minutes: cli.minutes.unwrap_or(if cli.quick { 1 } else { 10 }),
        dormant: None,
        floor: None,
    };
    if lab.sync.p50 < NO_DISK {
        println!(
            "note: a sync takes {:.4} ms in {}, so this is not a disk; give another --folder for figures that mean something",
            lab.sync.p50,
            lab.folder.display()
        );
    }
    // Only somebody who gives another host wants to compare with it.
    let has_other = lab.against.is_some();
    let figures = match cli.only.as_slice() {
        [] => {
            let all = Figure::value_variants().iter().copied();
            all.filter(|figure| *figure != Figure::Compare || has_other)
                .collect()
        }
        // All other figures are compared with the floor.
        only => [&[Figure::Floor], only].concat(),
    };
    let mut findings = Vec::new();
    for figure in figures {
        let finding = measure(figure, &mut lab).await?;
        println!("{finding}");
        findings.push(finding);
        // The file is written after each figure, so that a figure that fails later does not lose the earlier ones.
        if let Some(file) = &cli.json {
            write(file, &report::json(&about(&lab), &findings))?;
        }
    }
    Ok(())
}

async fn measure(figure: Figure, lab: &mut Lab) -> anyhow::Result<Finding> {
    let began = Moment::now();
    lab.measure_sync()?;
    let before = lab.sync;
    let measures = figure
        .measure(lab)
        .await
        .with_context(|| format!("the figure {} cannot be measured", figure.name()))?;
    Ok(Finding {
        figure: figure.name(),
        title: figure.title(),
        measures,
        before,
        after: disk::sync(&lab.folder)?,
        floor: lab.floor.filter(|_| figure != Figure::Floor),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Returns a description of the measured host and of the machine.
fn about(lab: &Lab) -> BTreeMap<&'static str, Value> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    BTreeMap::from([
        ("epoch_millis", json!(epoch_millis())),
        ("host", json!(lab.host)),
        ("kernel", json!(kernel.trim())),
        ("processors", json!(processors)),
        ("quick", json!(lab.quick)),
        ("repeats", json!(lab.repeats)),
    ])
}

fn write(file: &Path, value: &Value) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    fs::write(file, text + "\n").with_context(|| format!("cannot write {}", file.display()))
}
