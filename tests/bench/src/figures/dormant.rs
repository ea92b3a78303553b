//! A million runs asleep, each with an open webhook and a timer: their cost, and whether they slow other runs down.

use crate::disk::Probe;
use crate::dormant::Dormant;
use crate::lab::Lab;
use crate::load::ask_in_turn;
use crate::report::{Goal, Measures};
use crate::statistics::{median, number};
use crate::time::Moment;

/// Small bounds for the memory of the cache and of instances, so that the memory of the dormant runs can be seen.
pub(super) const SETTINGS: [&str; 2] = ["--store-cache=64MiB", "--warm-memory=16MiB"];

/// The number of runs to compare with.
const FEW: usize = 1_000;

const ONE_THOUSAND: &str = "p50 with a thousand asleep";
const ALL: &str = "p50 with all asleep";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let mut dormant = none(lab).await?;
    let empty = dormant.host.stored()?;
    let began = Moment::now();
    let count = lab.choose(1_000_000, 20_000);
    dormant.fill(count).await?;
    let rate = number(count as u64) / began.elapsed().as_secs_f64();
    measures.add("runs asleep", "", number(count as u64));
    measures.add("started a second", "1/s", rate);
    measures.add(
        "memory of the host",
        "MiB",
        mebibytes(dormant.host.usage()?.resident_memory()?),
    );
    let stored = number(dormant.host.stored()?.saturating_sub(empty));
    measures.add("disk a run", "bytes", stored / number(count as u64));

    let mut few = none(lab).await?;
    few.fill(FEW).await?;
    for _ in 0..lab.repeats {
        let asked = lab.choose(500, 100);
        let mut sides = [few.side(asked).await?, dormant.side(asked).await?];
        let mut probe = Probe::new(&lab.folder)?;
        let times = ask_in_turn(&mut sides, &mut probe).await?;
        for (name, times) in [ONE_THOUSAND, ALL].into_iter().zip(&times) {
            measures.add(name, "ms", median(times));
        }
        let woken = dormant.wakes(lab.choose(20_000, 2_000)).await?;
        measures.add("random ones woken a second", "1/s", woken);
    }
    measures.add(
        "memory after that",
        "MiB",
        mebibytes(dormant.host.usage()?.resident_memory()?),
    );
    measures.goal("memory of the host", Goal::AtMost(150.0));
    measures.goal("memory after that", Goal::AtMost(150.0));
    measures.goal("disk a run", Goal::AtMost(1024.0));
    measures.goal(ALL, Goal::AtMost(1.3 * measures.median(ONE_THOUSAND)));
    measures.goal("random ones woken a second", Goal::AtLeast(1_500.0));
    lab.dormant = Some(dormant);
    Ok(measures)
}

/// Returns the host that another figure left, or a new one.
pub(super) async fn prepared(lab: &mut Lab) -> anyhow::Result<Dormant> {
    if let Some(dormant) = lab.dormant.take() {
        return Ok(dormant);
    }
    let mut dormant = none(lab).await?;
    dormant.fill(lab.choose(1_000_000, 20_000)).await?;
    Ok(dormant)
}

/// Returns a host on which no run is asleep yet.
async fn none(lab: &Lab) -> anyhow::Result<Dormant> {
    Ok(Dormant::new(lab.start(&SETTINGS).await?))
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / number(1 << 20)
}
