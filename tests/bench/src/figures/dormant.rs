//! A million runs asleep, each with an open webhook and a timer: what they cost, and whether they slow others down.

use crate::client::Connection;
use crate::disk::Probe;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Run, Side, ask, ask_in_turn, each};
use crate::report::{Goal, Measures};
use crate::statistics::{Chance, median, number};
use crate::time::Moment;

/// The memory that the host may use for what it reads and for instances, so that the rest can be seen.
pub(super) const SETTINGS: [&str; 2] = ["--store-cache=64MiB", "--warm-memory=16MiB"];

/// A run that sleeps for a year, unless it is asked something.
const INPUT: &str = r#"{"questions":1000000,"timeout_ms":31536000000}"#;

/// To compare with.
const FEW: usize = 1_000;

/// Runs started before the host is left to catch up: they fall asleep later than they are started, and what waits to be
/// executed takes memory that a dormant run does not.
const CHUNK: usize = 10_000;

const ONE_THOUSAND: &str = "p50 with a thousand asleep";
const ALL: &str = "p50 with all asleep";

const CLIENTS: usize = 64;

/// A host with many runs asleep.
pub(crate) struct Dormant {
    pub(super) host: Host,
    runs: Vec<Run>,
    chance: Chance,
}

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let mut dormant = Dormant::none(lab).await?;
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

    let mut few = Dormant::none(lab).await?;
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

/// The host that another figure left, or a new one.
pub(super) async fn prepared(lab: &mut Lab) -> anyhow::Result<Dormant> {
    if let Some(dormant) = lab.dormant.take() {
        return Ok(dormant);
    }
    let mut dormant = Dormant::none(lab).await?;
    dormant.fill(lab.choose(1_000_000, 20_000)).await?;
    Ok(dormant)
}

impl Dormant {
    async fn none(lab: &Lab) -> anyhow::Result<Self> {
        Ok(Dormant {
            host: lab.start(&SETTINGS).await?,
            runs: Vec::new(),
            chance: Chance::new(1),
        })
    }

    /// Starts runs until there are so many.
    async fn fill(&mut self, count: usize) -> anyhow::Result<()> {
        let mut clients = self.host.connections(CLIENTS).await?;
        while self.runs.len() < count {
            let chunk = CHUNK.min(count - self.runs.len());
            let start = async |client: &mut Connection, _| Run::start(client, INPUT).await;
            self.runs.extend(each(&mut clients, chunk, start).await?);
            self.host.until_idle().await?;
        }
        Ok(())
    }

    /// Random ones, to be asked by one client.
    async fn side(&mut self, count: usize) -> anyhow::Result<Side> {
        let webhooks = self.webhooks(count).await?;
        let client = self.host.connect().await?;
        Ok(Side { client, webhooks })
    }

    /// Wakes random ones, and gives how many a second.
    pub(super) async fn wakes(&mut self, count: usize) -> anyhow::Result<f64> {
        let webhooks = self.webhooks(count).await?;
        let mut clients = self.host.connections(CLIENTS).await?;
        let began = Moment::now();
        each(
            &mut clients,
            count,
            async |client: &mut Connection, index| ask(client, &webhooks[index]).await,
        )
        .await?;
        Ok(number(count as u64) / began.elapsed().as_secs_f64())
    }

    /// The webhooks of so many random ones. They are looked up before any of them is called.
    async fn webhooks(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let mut picked = Vec::with_capacity(count);
        for _ in 0..count {
            picked.push(self.chance.below(self.runs.len()));
        }
        let mut clients = self.host.connections(CLIENTS).await?;
        let runs = &self.runs;
        let look = async |client: &mut Connection, index: usize| {
            let webhook = runs[picked[index]].webhook(client).await?;
            webhook.ok_or_else(|| anyhow::anyhow!("a run that should sleep does not wait"))
        };
        each(&mut clients, count, look).await
    }
}

pub(super) fn mebibytes(bytes: u64) -> f64 {
    number(bytes) / number(1 << 20)
}
