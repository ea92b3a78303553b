//! A store that was damaged after the host wrote it: truncated, or with flipped bits. The host refuses it, or serves
//! correct data. It never serves wrong data, and never panics.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dormouse_e2e::{Answer, Host, Run, SeededRng, guest, post};
use serde_json::json;

/// Stands in every value that the prepared runs have, so that flips can be aimed at values.
const MARK: &[u8] = b"a value to be flipped";

/// Everything that can be read of a store, by path.
type Truth = BTreeMap<String, (u16, Vec<u8>)>;

/// A store with runs in many states, and everything that its host says about them.
struct Prepared {
    host: Host,
    store: Vec<u8>,
    truth: Truth,
}

/// What became of a damaged store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// The host did not start, and said why.
    Refused,
    /// All that can be read is right.
    Right,
    /// Some of it is an error, and the rest is right.
    Reported,
}

/// How a host was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Closed,
    /// Damage to the very last commit cannot be told from a commit that was cut off: then the one before it is taken.
    Killed,
}

impl Prepared {
    fn new(left: Left) -> Self {
        let mut host = Host::start();
        let mark = std::str::from_utf8(MARK).unwrap();
        let long = format!("{mark}, {}", "and more of it ".repeat(100));
        let mut runs: Vec<Run> = (0..8)
            .map(|number| {
                host.script(&json!({"seq": [
                    {"step": "s", "value": format!("{long}{number}")}, {"log": mark}, {"sleep": 1},
                ]}))
            })
            .collect();
        for run in &runs {
            run.output();
        }
        let failed = host.script(&json!({"trap": mark}));
        failed.end();
        let waiting = host.script(&json!({"seq": [{"webhook": "a"}, {"event": "never"}]}));
        waiting.wait_for_steps(&["never"]);
        for _ in 0..4 {
            post(waiting.hook("a"), &long).expect(202);
        }
        runs.extend([failed, waiting]);
        let truth = read(&host, &runs);
        match left {
            Left::Closed => assert!(host.stop().success()),
            Left::Killed => {
                // The last commit has nothing that is looked at later.
                host.upload("other", &guest("bare")).expect(201);
                host.kill();
            }
        }
        let store = fs::read(store_file(&host)).unwrap();
        Prepared { host, store, truth }
    }

    /// Starts the host on this store, and holds what it says against the truth.
    #[track_caller]
    fn serve(&mut self, store: &[u8], what: &str) -> End {
        fs::write(store_file(&self.host), store).unwrap();
        let end = match self.host.try_resume() {
            Ok(()) => self.compare(what),
            Err((status, said)) => {
                assert_eq!(status.code(), Some(1), "{what}: {said}");
                let directory = self.host.data_dir().display().to_string();
                assert!(said.contains(&directory), "{what}: {said}");
                End::Refused
            }
        };
        let log = self.host.log();
        assert!(!log.contains("panicked"), "{what}: {log}");
        end
    }

    #[track_caller]
    fn compare(&mut self, what: &str) -> End {
        let mut end = End::Right;
        for (path, (status, body)) in &self.truth {
            let answer = self.host.get(path);
            if answer.status >= 500 {
                end = End::Reported;
            } else {
                let said = (answer.status, &answer.body);
                assert!(said == (*status, body), "{what}: {path}: {}", answer.text());
            }
        }
        self.host.kill();
        end
    }

    /// Returns the places of values in the file.
    fn values(&self) -> Vec<usize> {
        let windows = self.store.windows(MARK.len()).enumerate();
        windows
            .filter(|(_, window)| *window == MARK)
            .map(|(place, _)| place)
            .collect()
    }
}

fn read(host: &Host, runs: &[Run]) -> Truth {
    let mut paths: Vec<String> = ["/v1/runs?limit=500", "/v1/workflows/script"]
        .map(str::to_owned)
        .into();
    for run in runs {
        let parts = ["", "/output", "/journal", "/logs", "/webhooks"];
        paths.extend(parts.map(|part| format!("/v1/runs/{}{part}", run.id())));
    }
    let answer = |path: String| {
        let Answer { status, body, .. } = host.get(&path);
        (path, (status, body))
    };
    paths.into_iter().map(answer).collect()
}

fn store_file(host: &Host) -> PathBuf {
    host.data_dir().join("dormouse.redb")
}

/// Flips bits, one at a time, and prints what became of each.
#[track_caller]
fn flip(left: Left) {
    let mut prepared = Prepared::new(left);
    let mut rng = SeededRng::new();
    let size = prepared.store.len() as u64;
    let values = prepared.values();
    assert!(values.len() > 20, "{values:?}");
    let mut places: Vec<(&str, u64)> = Vec::new();
    for _ in 0..SeededRng::times(8) {
        places.push(("header", rng.below(320)));
        places.push(("anywhere", rng.below(size)));
        let value = values[usize::try_from(rng.below(values.len() as u64)).unwrap()];
        places.push(("value", value as u64 + rng.below(MARK.len() as u64)));
    }
    let mut ends: BTreeMap<(&str, End), u32> = BTreeMap::new();
    for (part, place) in places {
        let mut store = prepared.store.clone();
        let bit = rng.below(8);
        store[usize::try_from(place).unwrap()] ^= 1 << bit;
        let end = prepared.serve(&store, &format!("bit {bit} of byte {place} ({part})"));
        *ends.entry((part, end)).or_default() += 1;
    }
    eprintln!("{left:?}: {ends:?}");
    let whole = prepared.store.clone();
    let end = prepared.serve(&whole, "the store as it was");
    assert_eq!(end, End::Right);
}

#[test]
fn a_flipped_bit_is_never_served() {
    flip(Left::Closed);
}

#[test]
fn a_bit_that_flipped_after_a_crash_is_never_served() {
    flip(Left::Killed);
}

#[test]
fn a_store_that_was_cut_off_is_refused() {
    let mut prepared = Prepared::new(Left::Closed);
    let size = prepared.store.len();
    for length in [
        0,
        1,
        64,
        319,
        4_095,
        4_096,
        8_192,
        size / 3,
        size / 2,
        size - 4_096,
        size - 1,
    ] {
        let store = prepared.store[..length].to_vec();
        let end = prepared.serve(&store, &format!("{length} of {size} bytes"));
        assert_eq!(end, End::Refused, "{length} of {size} bytes");
    }
}
