//! The same workflow in each language: how long a deployment, a start and the replay of a wait take, and the memory of
//! a run.

use std::time::Duration;

use super::wake::COLD;
use crate::client::Connection;
use crate::host::{Host, WORKFLOW};
use crate::lab::{Lab, Language};
use crate::load::{Run, ask, each, questions};
use crate::report::{Goal, Measures};
use crate::statistics::{number, percentile};
use crate::time::{Moment, millis};

/// The number of runs that are kept in memory, to measure the memory of one. Runs in Python are large.
const KEPT: usize = 40;

const CLIENTS: usize = 4;

/// The number of wakes for one value. The value is the shortest of them.
const WAKES: usize = 10;

/// What is measured for a language: the name, the unit, and the largest ratio of TypeScript to Rust that is wanted.
const ROWS: [(&str, &str, f64); 3] = [
    ("start to suspended", "ms", 1.5),
    ("a wait that is replayed", "us", 4.0),
    ("memory of a run that is kept", "KiB", 6.0),
];

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let mut rust = None;
        for language in &lab.languages {
            let name = language.name;
            let [first, second] = deployed(lab, language).await?;
            measures.add(format!("{name}: first deployment"), "ms", first);
            measures.add(format!("{name}: second deployment"), "ms", second);
            let values = [
                started(lab, language).await?,
                replayed(lab, language).await?,
                kept(lab, language).await?,
            ];
            for ((what, unit, _), value) in ROWS.iter().zip(values) {
                measures.add(format!("{name}: {what}"), unit, value);
            }
            let rust = rust.get_or_insert(values);
            if name != "rust" {
                for ((what, ..), (value, rust)) in ROWS.iter().zip(values.iter().zip(rust.iter())) {
                    measures.add(format!("{name}: {what}, times Rust's"), "x", value / rust);
                }
            }
        }
    }
    for (what, _, most) in ROWS {
        let row = format!("typescript: {what}, times Rust's");
        measures.goal(&row, Goal::AtMost(most));
    }
    measures.goal("typescript: second deployment", Goal::AtMost(1_000.0));
    Ok(measures)
}

/// Returns a host that has the workflow in this language.
async fn host(lab: &Lab, language: &Language, settings: &[&str]) -> anyhow::Result<Host> {
    let host = Host::start(&lab.host, &lab.folder, settings)?;
    upload(&host, language, &language.upload).await?;
    Ok(host)
}

async fn upload(host: &Host, language: &Language, upload: &[u8]) -> anyhow::Result<f64> {
    let mut client = host.connect().await?;
    let path = format!("/v1/workflows/{WORKFLOW}");
    let headers = format!("content-type: {}\r\n", language.content_type);
    let began = Moment::now();
    let answer = client.exchange("PUT", &path, &headers, upload).await?;
    answer.expect(201)?;
    Ok(millis(began.elapsed()))
}

/// Returns how long a first deployment takes on a new host, and a deployment of a slightly different program.
async fn deployed(lab: &Lab, language: &Language) -> anyhow::Result<[f64; 2]> {
    let host = Host::start(&lab.host, &lab.folder, &[])?;
    let first = upload(&host, language, &language.upload).await?;
    let second = upload(&host, language, &language.other()).await?;
    Ok([first, second])
}

/// Returns how long a run takes from its start until it sleeps: the median of many runs, one after the other.
async fn started(lab: &Lab, language: &Language) -> anyhow::Result<f64> {
    let host = host(lab, language, &[]).await?;
    let mut client = host.connect().await?;
    let mut times = Vec::new();
    for _ in 0..lab.choose(200, 30) {
        let began = Moment::now();
        Run::start_until_suspended(&mut client, &questions(1)).await?;
        times.push(millis(began.elapsed()));
    }
    Ok(percentile(&mut times, 50.0))
}

/// Returns by how much each earlier wait of a run lengthens its wake, in microseconds.
async fn replayed(lab: &Lab, language: &Language) -> anyhow::Result<f64> {
    let host = host(lab, language, &[COLD]).await?;
    let waits = lab.choose(1_000, 200);
    let mut times = Vec::new();
    for waits in [1, waits] {
        let webhook = with_waits(&host, waits).await?;
        let mut client = host.connect().await?;
        let mut shortest = Duration::MAX;
        for _ in 0..WAKES {
            shortest = shortest.min(ask(&mut client, &webhook).await?);
            host.until_idle().await?;
        }
        times.push(millis(shortest));
    }
    Ok((times[1] - times[0]) * 1e3 / number(u64::from(waits) - 1))
}

/// Returns the webhook of a run that has answered this many questions.
async fn with_waits(host: &Host, waits: u32) -> anyhow::Result<String> {
    let mut client = host.connect().await?;
    let (_, webhook) = Run::start_until_suspended(&mut client, &questions(1_000_000)).await?;
    for _ in 0..waits {
        ask(&mut client, &webhook).await?;
    }
    Ok(webhook)
}

/// Returns the memory of a run that is kept in memory, in KiB.
async fn kept(lab: &Lab, language: &Language) -> anyhow::Result<f64> {
    let mut memory = Vec::new();
    for settings in [[COLD].as_slice(), &[]] {
        let host = host(lab, language, settings).await?;
        let mut clients = host.connections(CLIENTS).await?;
        each(&mut clients, KEPT, async |client: &mut Connection, _| {
            let (_, webhook) = Run::start_until_suspended(client, &questions(1_000)).await?;
            ask(client, &webhook).await
        })
        .await?;
        host.until_idle().await?;
        memory.push(number(host.usage()?.proportional_memory()?));
    }
    Ok((memory[1] - memory[0]) / number(KEPT as u64) / 1024.0)
}
