//! Which objects of the JavaScript engine most runs use: the runtime sets them apart (`guest-sdk/js/runtime/src/objects.rs`).
//!
//! A run of a sample workflow is executed in a runtime of which each store is marked. What it writes to are the objects that it
//! uses. Their numbers are put into a table of the runtime that was built.

mod host;
mod mark;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use wasmparser::{DataKind, Operator, Parser, Payload};

use host::Host;
pub(crate) use host::SAMPLE;

/// Bytes of what lies before each object: how many bytes it has, and its mark and number.
const HEAD: usize = 8;

/// What the number in a head begins with.
const MARK: u32 = 0x5a;

/// In the table: the object is used after the run's first wait, and not before.
const LATER: u32 = 1 << 23;

/// How many objects the table has room for.
const ROOM: usize = 2_048;

/// An object of more bytes is left where it is: it would fill most of a page, of which little is written.
const LARGE: usize = 3 << 10;

/// An object of the engine.
struct Object {
    end: usize,
    number: u32,
}

/// The objects that lie in a memory, by where they begin.
fn objects(memory: &[u8]) -> BTreeMap<usize, Object> {
    let word = |place: usize| {
        let bytes = memory.get(place..place + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let object = |place: usize| {
        let (size, number) = (word(place)? as usize, word(place + 4)?);
        let is_head = number >> 24 == MARK && size > 0 && size % HEAD == 0;
        let end = place + HEAD + size;
        let number = number & (LATER - 1);
        (is_head && end <= memory.len()).then_some((place, Object { end, number }))
    };
    let places = (0..memory.len()).step_by(HEAD);
    places.filter_map(object).collect()
}

/// Returns the runtime with its table filled.
pub(crate) fn set(runtime: &[u8]) -> anyhow::Result<Vec<u8>> {
    let marked = mark::stores(runtime)?;
    let failed = |error: wasmtime::Error| anyhow!("the sample workflow: {error:#}");
    let mut bare = Host::new(&marked).map_err(failed)?;
    bare.deploy(false).map_err(failed)?;
    // What the workflow adds is another for each.
    let last = objects(bare.memory())
        .values()
        .map(|object| object.number)
        .max();
    let last = last.context("no objects of the engine are found")?;
    let mut host = Host::new(&marked).map_err(failed)?;
    host.deploy(true).map_err(failed)?;
    let objects = objects(host.memory());
    let used = |places: Vec<usize>| {
        let object = |place: usize| {
            let (begin, object) = objects.range(..=place).next_back()?;
            let is_small = object.end - begin <= LARGE;
            (place < object.end && is_small && object.number <= last).then_some(object.number)
        };
        places.into_iter().filter_map(object).collect::<Vec<u32>>()
    };
    let mut table = BTreeMap::new();
    for number in used(host.start().map_err(failed)?) {
        table.insert(number, number);
    }
    for number in used(host.go_on().map_err(failed)?) {
        table.entry(number).or_insert(number | LATER);
    }
    if table.len() < 50 || table.len() > ROOM {
        bail!(
            "{} objects are to be set apart, which cannot be right",
            table.len()
        );
    }
    let count = table.len();
    let words: Vec<u8> = table.into_values().flat_map(u32::to_le_bytes).collect();
    let place = host.table().map_err(failed)?;
    let mut set = runtime.to_vec();
    let offset = offset(runtime, place, words.len())?;
    set[offset..offset + words.len()].copy_from_slice(&words);
    println!("guests: {count} objects of the JavaScript engine are set apart");
    Ok(set)
}

/// Where in a module the bytes stand that lie at a place of its memory.
fn offset(module: &[u8], place: usize, length: usize) -> anyhow::Result<usize> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::DataSection(section) = payload? else {
            continue;
        };
        for data in section {
            let data = data?;
            let DataKind::Active { offset_expr, .. } = data.kind else {
                continue;
            };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                continue;
            };
            let begin = value.cast_unsigned() as usize;
            if begin <= place && place + length <= begin + data.data.len() {
                return Ok(data.range.end - data.data.len() + place - begin);
            }
        }
    }
    bail!("the table of objects is not in the runtime's data")
}
