//! How long it takes to wake one run, with nothing else going on.
//!
//! The run asks to answer its callers itself, and answers one and waits for the next in the same activation. The answer
//! is sent after the commit of that activation, so what a caller measures ends when the run waits again, durably.

use crate::disk::Probe;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Pace, Run, ask, questions};
use crate::report::{Goal, Measures};
use crate::statistics::{number, percentile};
use crate::time::{Moment, millis};

/// Questions that a run answers before the one that is measured: with the webhook and the open wait that makes 10
/// operations, two for each question.
const BEFORE: u64 = 4;

const SYNC: &str = "a sync in between, p50";

/// No run is kept in memory.
pub(super) const COLD: &str = "--warm-memory=0B";

pub(super) async fn warm(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let host = lab.start(&[]).await?;
        latency(lab, &host, &mut measures).await?;
        accepted(lab, &host, &mut measures).await?;
    }
    measures.goal("p50", Goal::AtMost(1.5 * measures.median(SYNC) + 0.5));
    measures.goal("commits a request", Goal::AtMost(1.0));
    Ok(measures)
}

pub(super) async fn cold(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let host = lab.start(&[]).await?;
        let mut warm = Measures::default();
        latency(lab, &host, &mut warm).await?;
        drop(host);
        let host = lab.start(&[COLD]).await?;
        latency(lab, &host, &mut measures).await?;
        measures.add("p50 warm", "ms", warm.median("p50"));
    }
    let warm = measures.median("p50 warm");
    measures.goal("p50", Goal::AtMost(warm + 0.5));
    Ok(measures)
}

/// The same way for warm and for cold, so that the two differ by nothing else.
async fn latency(lab: &Lab, host: &Host, measures: &mut Measures) -> anyhow::Result<()> {
    let mut client = host.connect().await?;
    let mut webhooks = Vec::new();
    for _ in 0..lab.choose(500, 50) {
        let run = Run::start(&mut client, &questions(1_000)).await?;
        let webhook = run.suspended(&mut client, &Pace::at_once()).await?;
        for _ in 0..BEFORE {
            ask(&mut client, &webhook).await?;
        }
        webhooks.push(webhook);
    }
    host.until_idle().await?;
    let before = host.commits().await?;
    let mut times = Vec::new();
    // Disks have moods: what a sync costs is measured in between, and not before or after.
    let mut probe = Probe::new(&lab.folder)?;
    for webhook in &webhooks {
        times.push(millis(ask(&mut client, webhook).await?));
        probe.sync()?;
    }
    let after = host.commits().await?;
    let requests = number(times.len() as u64);
    for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
        measures.add(name, "ms", percentile(&mut times, percent));
    }
    let (commits, writes) = (after.commits - before.commits, after.writes - before.writes);
    measures.add(SYNC, "ms", probe.result().p50);
    measures.add("commits a request", "", number(commits) / requests);
    measures.add("writes a request", "", number(writes) / requests);
    Ok(())
}

/// The same for a webhook that answers 202 by itself: how long that takes, and in how many cases the run already waits
/// again when its caller looks then.
async fn accepted(lab: &Lab, host: &Host, measures: &mut Measures) -> anyhow::Result<()> {
    let mut client = host.connect().await?;
    let run = Run::start(&mut client, r#"{"requests":1000000}"#).await?;
    let webhook = run.suspended(&mut client, &Pace::at_once()).await?;
    let count = lab.choose(500, 50);
    let (mut times, mut waiting) = (Vec::new(), 0);
    for _ in 0..count {
        let began = Moment::now();
        client.post(&webhook, b"{}").await?.expect(202)?;
        times.push(millis(began.elapsed()));
        if run.webhook(&mut client).await?.is_some() {
            waiting += 1;
        } else {
            run.suspended(&mut client, &Pace::at_once()).await?;
        }
    }
    measures.add(
        "answered 202 by the host, p50",
        "ms",
        percentile(&mut times, 50.0),
    );
    measures.add("p99 of these", "ms", percentile(&mut times, 99.0));
    let share = number(waiting) / number(count) * 100.0;
    measures.add("of these wait again at the first look", "%", share);
    Ok(())
}
