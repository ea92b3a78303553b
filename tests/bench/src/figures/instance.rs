//! The cost of an instance that is kept in memory, and a check that all kept instances stay within their
//! bound.

use super::dormant::mebibytes;
use super::wake::COLD;
use crate::client::Connection;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Run, ask, each, questions};
use crate::report::{Goal, Measures};
use crate::statistics::number;

const CLIENTS: usize = 64;

const EACH: &str = "memory of an instance";

/// A small bound, to see that the host keeps to it.
const BOUND: &str = "--warm-memory=16MiB";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let count = lab.choose(3_000, 500);
    for _ in 0..lab.repeats {
        // Both hosts do the same work, so they differ only in their kept instances.
        let without = InstanceMemory::new(lab, &[COLD], count).await?;
        let with = InstanceMemory::new(lab, &[], count).await?;
        let bound = InstanceMemory::new(lab, &[BOUND], count).await?;
        measures.add("instances kept", "", number(with.warm));
        let warm = number(with.warm);
        let kib = |with: u64, without: u64| (number(with) - number(without)) / warm / 1024.0;
        measures.add(EACH, "KiB", kib(with.proportional, without.proportional));
        let resident = kib(with.resident, without.resident);
        measures.add("the same, shared pages counted for each", "KiB", resident);
        measures.add(
            "memory of the host without any",
            "MiB",
            mebibytes(without.proportional),
        );
        measures.add("instances kept in 16 MiB", "", number(bound.warm));
        let occupied = number(bound.proportional) - number(without.proportional);
        measures.add(
            "memory that these occupy",
            "MiB",
            occupied / number(1 << 20),
        );
    }
    measures.goal(EACH, Goal::AtMost(64.0));
    Ok(measures)
}

/// A host's memory after each of its runs has answered a question and waits again.
struct InstanceMemory {
    warm: u64,
    resident: u64,
    proportional: u64,
}

impl InstanceMemory {
    async fn new(lab: &Lab, settings: &[&str], count: usize) -> anyhow::Result<Self> {
        let host = lab.start(settings).await?;
        fill(&host, count).await?;
        host.until_idle().await?;
        Ok(InstanceMemory {
            warm: host.metric("dormouse_instances_warm").await?,
            resident: host.usage()?.resident_memory()?,
            proportional: host.usage()?.proportional_memory()?,
        })
    }
}

async fn fill(host: &Host, count: usize) -> anyhow::Result<()> {
    let mut clients = host.connections(CLIENTS).await?;
    each(&mut clients, count, async |client: &mut Connection, _| {
        let (_, webhook) = Run::start_until_suspended(client, &questions(1_000)).await?;
        ask(client, &webhook).await
    })
    .await?;
    Ok(())
}
