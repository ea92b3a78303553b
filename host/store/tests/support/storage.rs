//! The disk space of runs, counted again from all rows of a store.

use std::collections::BTreeMap;

use dormouse_journal::{RunId, decode};
use dormouse_store::State;
use dormouse_store::rows::Part;
use dormouse_store_memory::Dump;

/// What counts for a row beside its bytes.
const ROW: u64 = 64;

/// Checks what a store has counted for runs and their workflows against its rows.
pub fn check_storage<'s>(dump: &Dump, runs: impl IntoIterator<Item = (RunId, &'s State)>) {
    let mut sums = BTreeMap::<String, u64>::new();
    for (id, state) in runs {
        let prefix = format!("[{:?}", Part::Run(&id.0));
        let (mut all, mut received) = (0, 0);
        for (table, key, row) in dump {
            if !key.starts_with(&prefix) || matches!(*table, "states" | "due") {
                continue;
            }
            let bytes = row.len() as u64 + ROW;
            all += bytes;
            let was_sent = match *table {
                "inbox" | "inbox_requests" | "mail" | "mail_payloads" | "mailboxes"
                | "duplicates" | "routed" => true,
                // Version, and no response yet.
                "replies" => row.len() == 2,
                _ => false,
            };
            received += if was_sent { bytes } else { 0 };
        }
        let counted = (state.storage_bytes, state.received_bytes);
        assert_eq!(counted, (all, received), "what {id} owns");
        *sums.entry(state.workflow.clone()).or_default() += all;
    }
    let found = dump.iter().filter(|(table, ..)| *table == "meta");
    let found = found.filter_map(|(_, key, row)| {
        let name = key
            .strip_prefix("[Text(\"storage of ")?
            .strip_suffix("\")]")?;
        Some((name.to_owned(), decode::<u64>(row).unwrap()))
    });
    // A run that was removed may have rows left, which count for its workflow.
    let left = left(dump);
    let found: BTreeMap<String, u64> = found.collect();
    let total: u64 = found.values().sum();
    assert_eq!(
        total,
        sums.values().sum::<u64>() + left,
        "the sums: {found:?}"
    );
    if left == 0 {
        assert_eq!(found, sums, "the sums of workflows");
    }
}

/// Returns what the rows count for whose run is unknown.
fn left(dump: &Dump) -> u64 {
    let run_of = |key: &str| {
        let end = key.find(')').filter(|_| key.starts_with("[Run("))?;
        Some(key[..end].to_owned())
    };
    let known: Vec<String> = dump
        .iter()
        .filter(|(table, ..)| *table == "runs")
        .filter_map(|(_, key, _)| run_of(key))
        .collect();
    let rows = dump.iter().filter(|(table, key, _)| {
        let run = run_of(key);
        // What is led by a trigger counts for no run.
        !table.starts_with("trigger")
            && !matches!(*table, "states" | "due")
            && run.is_some_and(|run| !known.contains(&run))
    });
    rows.map(|(_, _, row)| row.len() as u64 + ROW).sum()
}
