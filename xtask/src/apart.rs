//! Finds the objects of the JavaScript engine that most runs use. The runtime sets them apart
//! (`guest-sdk/js/runtime/src/objects.rs`).
//!
//! A run of a sample workflow is executed in a copy of the runtime that marks each word to which it writes. The objects that
//! the run writes to are those that it uses. Their numbers are put into the table of the runtime that was built.

mod host;
mod mark;

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, bail};
use wasmparser::{DataKind, Operator, Parser, Payload};

use host::Host;
pub(crate) use host::SAMPLE;

/// The size in bytes of the head before each object. A head has the object's size, and its mark and number.
const HEAD: usize = 8;

/// The mark of an object that is not set apart: the highest byte of the number in its head.
const MARK: u32 = 0x5a;

/// A flag of a number in the table: the run uses the object only after its first wait.
const LATER: u32 = 1 << 23;

/// How many numbers the table has room for.
const ROOM: usize = 2_048;

/// The largest object that is set apart, in bytes. A larger one would fill most of a page, of which a run writes little.
const LARGE: usize = 3 << 10;

/// An object of the engine, by the address of its end and by its number.
struct Object {
    end: usize,
    number: u32,
}

/// Returns the objects in a memory, by the addresses of their heads.
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
    // Objects with higher numbers belong to the workflow, and differ between workflows.
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

/// Returns the offset in a module of the bytes that are at the address `place` of its memory.
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
