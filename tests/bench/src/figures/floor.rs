//! The least that any durable server costs on this machine: a request, a page that is written and
//! synced, and an answer.

use std::time::Duration;

use crate::asking::ask;
use crate::floor::Floor;
use crate::lab::Lab;
use crate::report::{FloorResults, Measures};
use crate::statistics::{number, percentile};

const LATENCY: &str = "p50 of an answer, one client";
const RATE: &str = "requests a second";
const TIME: &str = "processor time a request";

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        lab.measure_sync()?;
        let clients = lab.clients();
        let floor = Floor::start(&lab.folder)?;
        let time = Duration::from_secs(lab.choose(5, 2));
        let one = floor.connections(1).await?;
        let (mut latencies, _) = ask(one, "/", b"{}", time, || Ok(())).await?;
        measures.add(LATENCY, "ms", percentile(&mut latencies, 50.0));

        let (usage, mut before) = (floor.usage(), Duration::ZERO);
        let many = floor.connections(clients).await?;
        let asked = ask(many, "/", b"{}", time, || {
            before = usage.processor_time()?;
            Ok(())
        });
        let (mut latencies, seconds) = asked.await?;
        let spent = usage.processor_time()? - before;
        let requests = number(latencies.len() as u64);
        measures.add(RATE, "1/s", requests / seconds);
        for (name, percent) in [("p50 of an answer", 50.0), ("p99 of an answer", 99.0)] {
            measures.add(name, "ms", percentile(&mut latencies, percent));
        }
        measures.add(TIME, "us", spent.as_secs_f64() * 1e6 / requests);
        measures.add("a sync before, p50", "ms", lab.sync.p50);
        measures.add("clients", "", number(clients as u64));
    }
    lab.floor = Some(FloorResults {
        milliseconds: measures.median(LATENCY),
        per_second: measures.median(RATE),
        microseconds: measures.median(TIME),
    });
    Ok(measures)
}
