//! A host with many runs asleep, each with an open webhook and a timer.

use crate::client::Connection;
use crate::host::Host;
use crate::load::{Run, Side, ask, each};
use crate::statistics::{SeededRng, number};
use crate::time::Moment;

/// The input of a run that sleeps for a year, unless it is asked a question.
const INPUT: &str = r#"{"questions":1000000,"timeout_ms":31536000000}"#;

/// The number of runs that are started before the benchmark waits for the host to finish its work. Runs fall asleep
/// later than they are started, and runs that wait to be executed take memory that a dormant run does not.
const CHUNK: usize = 10_000;

const CLIENTS: usize = 64;

/// A host with many runs asleep.
pub(crate) struct Dormant {
    pub(crate) host: Host,
    runs: Vec<Run>,
    rng: SeededRng,
}

impl Dormant {
    /// Returns a host with no runs asleep yet.
    pub(crate) fn new(host: Host) -> Self {
        Dormant {
            host,
            runs: Vec::new(),
            rng: SeededRng::new(1),
        }
    }

    /// Starts runs until this many are asleep.
    pub(crate) async fn fill(&mut self, count: usize) -> anyhow::Result<()> {
        let mut clients = self.host.connections(CLIENTS).await?;
        while self.runs.len() < count {
            let chunk = CHUNK.min(count - self.runs.len());
            let start = async |client: &mut Connection, _| Run::start(client, INPUT).await;
            self.runs.extend(each(&mut clients, chunk, start).await?);
            self.host.until_idle().await?;
        }
        Ok(())
    }

    /// Returns a client, with the webhooks of random runs that it can ask.
    pub(crate) async fn side(&mut self, count: usize) -> anyhow::Result<Side> {
        let webhooks = self.webhooks(count).await?;
        let client = self.host.connect().await?;
        Ok(Side { client, webhooks })
    }

    /// Wakes random runs, and returns how many were woken in a second.
    pub(crate) async fn wakes(&mut self, count: usize) -> anyhow::Result<f64> {
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

    /// Returns the webhooks of random runs. All webhooks are looked up before any of them is called.
    async fn webhooks(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        let mut picked = Vec::with_capacity(count);
        for _ in 0..count {
            picked.push(self.rng.below(self.runs.len()));
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
