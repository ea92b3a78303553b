//! The cost of a replay: cold runs with many operations in their histories are woken.

use std::time::Duration;

use super::wake::COLD;
use crate::client::Connection;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Run, ask, each};
use crate::report::{Goal, Measures};
use crate::statistics::percentile;
use crate::time::{millis, pause};

/// The number of connections on which requests are sent to fill the runs' histories.
const CONNECTIONS: usize = 16;

/// The number of wakes for one value. The value is the shortest of them: other work of the machine and its disk makes
/// the others longer, and would be taken for replay. Each wake adds two operations to the history, which is
/// negligible.
const WAKES: usize = 20;

/// The least number of operations at which the time of a replay can be measured.
const ENOUGH: u32 = 1_000;

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let sizes: &[u32] = lab.choose(&[0, 100, 1_000, 10_000, 100_000], &[0, 100, 1_000, 5_000]);
    let mut host = lab.start(&[]).await?;
    let mut runs = Vec::new();
    for &waits in sizes {
        runs.push((waits, prepared(&host, waits).await?));
    }
    host.stop()?;
    host.launch(&[COLD])?;

    let mut measures = Measures::default();
    let mut client = host.connect().await?;
    for _ in 0..lab.repeats {
        let mut without = 0.0;
        for (waits, webhook) in &runs {
            let time = woken(&mut client, webhook).await?;
            measures.add(format!("{waits} waits behind it"), "ms", time);
            match *waits {
                0 => without = time,
                waits if waits < ENOUGH => {}
                waits => {
                    let each = (time - without) / f64::from(waits) * 1e3;
                    measures.add(format!("an operation, of {waits}"), "us", each);
                }
            }
        }
    }
    for waits in sizes.iter().filter(|waits| **waits >= ENOUGH) {
        measures.goal(&format!("an operation, of {waits}"), Goal::AtMost(4.0));
    }
    measures.goal("100000 waits behind it", Goal::AtMost(500.0));
    Ok(measures)
}

/// Returns the path of the webhook of a run that has this many waits in its history, and then waits for questions.
async fn prepared(host: &Host, waits: u32) -> anyhow::Result<String> {
    let mut client = host.connect().await?;
    let input = format!(r#"{{"requests":{waits},"questions":1000000}}"#);
    let (run, first) = Run::start_until_suspended(&mut client, &input).await?;
    if waits == 0 {
        return Ok(first);
    }
    let mut feeders = host.connections(CONNECTIONS).await?;
    each(
        &mut feeders,
        waits as usize,
        async |client: &mut Connection, _| {
            client.post(&first, b"{}").await?.expect(202)?;
            Ok(())
        },
    )
    .await?;
    loop {
        if let Some(webhook) = run.webhook(&mut client).await?
            && webhook != first
        {
            return Ok(webhook);
        }
        pause(Duration::from_millis(10)).await;
    }
}

async fn woken(client: &mut Connection, webhook: &str) -> anyhow::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..WAKES {
        times.push(millis(ask(client, webhook).await?));
    }
    Ok(percentile(&mut times, 0.0))
}
