//! Memory of runs in TypeScript: all runs of a workflow share the pages of its first memory to which they do not write.

use std::fs;
use std::path::PathBuf;

use dormouse_e2e::{Cli, Host};
use serde_json::json;

/// The kernel's name of a mapping of a workflow's first memory.
const IMAGE: &str = "wasm-memory-image";

/// The largest size in KiB of the memory that a run has written to when it waits for the first time. It is 56 with pages of
/// 4 KiB: pages of the stack, of what the runtime and the engine keep, of the objects that runs use, and of what the run has
/// allocated. It was 296 before the objects that runs use were set apart. The rest is for other versions of the compilers.
const WRITTEN: u64 = 96;

/// A mapping in the memory of a process.
#[derive(Debug)]
struct Mapping {
    begin: String,
    end: String,
    is_image: bool,
    /// The part of the mapping that is the process's own copy, in KiB.
    anonymous: u64,
}

fn mappings(process: u32) -> Vec<Mapping> {
    let told = fs::read_to_string(format!("/proc/{process}/smaps")).unwrap();
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in told.lines() {
        let (first, rest) = line.split_once(' ').unwrap();
        if let Some((begin, end)) = first.split_once('-') {
            mappings.push(Mapping {
                begin: begin.to_owned(),
                end: end.to_owned(),
                is_image: rest.contains(IMAGE),
                anonymous: 0,
            });
        } else if first == "Anonymous:" {
            let size = rest.trim().strip_suffix(" kB").unwrap();
            mappings.last_mut().unwrap().anonymous = size.parse().unwrap();
        }
    }
    mappings
}

/// Returns how many KiB of its memory each instance has written to. The memory is the mapping of the first memory, and
/// the mapping right behind it.
fn written(process: u32) -> Vec<u64> {
    let mappings = mappings(process);
    let images = mappings.iter().enumerate().filter(|(_, it)| it.is_image);
    let written = images.map(|(place, image)| {
        let behind = mappings.get(place + 1);
        let behind = behind.filter(|behind| behind.begin == image.end);
        image.anonymous + behind.map_or(0, |behind| behind.anonymous)
    });
    written.collect()
}

#[test]
fn a_run_that_waits_has_few_pages_of_its_own() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let file = root.join("tests/guests/waiter/flow.ts");
    let host = Host::start();
    Cli::of(&host)
        .run(&["deploy", "waiter", file.to_str().unwrap()])
        .ok();
    let runs: Vec<_> = (0..3)
        .map(|_| host.start_run("waiter", &json!({"requests": 1})))
        .collect();
    for run in &runs {
        run.wait_for_waits(1);
    }
    let written = written(host.process_id());
    assert_eq!(written.len(), runs.len(), "{written:?}");
    assert!(
        written.iter().all(|size| *size <= WRITTEN),
        "{written:?} KiB"
    );
}
