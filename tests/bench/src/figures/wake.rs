//! The time that it takes to wake one run while nothing else happens.
//!
//! The run answers its callers itself: in one activation, it answers one caller and waits for the next. The answer is
//! sent after the commit of that activation. So when the caller has its answer, the run durably waits again.

use crate::disk::Probe;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Run, Side, ask, ask_in_turn, questions};
use crate::report::{Goal, Measures};
use crate::statistics::{median, number, percentile};
use crate::time::{Moment, millis};

/// The number of questions that a run answers before the measured one. With the webhook and the open wait, its history
/// then has 10 operations, two for each question.
const BEFORE: u64 = 4;

const SYNC: &str = "a sync in between, p50";
const LONGER: &str = "longer than there, p50 of pairs";

/// The setting with which no run is kept in memory.
pub(super) const COLD: &str = "--warm-memory=0B";

pub(super) async fn warm(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let host = lab.start(&[]).await?;
        let mut sides = [prepared(lab, &host).await?];
        let mut probe = Probe::new(&lab.folder)?;
        let before = host.commits().await?;
        let mut times = ask_in_turn(&mut sides, &mut probe).await?.remove(0);
        let after = host.commits().await?;

        let requests = number(times.len() as u64);
        let commits = number(after.commits - before.commits);
        let writes = number(after.writes - before.writes);
        add_percentiles(&mut measures, &mut times);
        measures.add(SYNC, "ms", probe.result().p50);
        measures.add("commits a request", "", commits / requests);
        measures.add("writes a request", "", writes / requests);
        accepted(lab, &host, &mut measures).await?;
    }
    measures.goal("p50", Goal::AtMost(1.5 * measures.median(SYNC) + 0.5));
    measures.goal("commits a request", Goal::AtMost(1.0));
    Ok(measures)
}

pub(super) async fn cold(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let (warm, cold) = (lab.start(&[]).await?, lab.start(&[COLD]).await?);
        let mut sides = [prepared(lab, &warm).await?, prepared(lab, &cold).await?];
        let mut probe = Probe::new(&lab.folder)?;
        let times = ask_in_turn(&mut sides, &mut probe).await?;
        let [warm, cold] = times.as_slice() else {
            anyhow::bail!(
                "two hosts were asked, and there are {} results",
                times.len()
            );
        };
        let mut longer: Vec<f64> = cold
            .iter()
            .zip(warm)
            .map(|(cold, warm)| cold - warm)
            .collect();
        add_percentiles(&mut measures, &mut cold.clone());
        measures.add("p50 of a host that keeps it", "ms", median(warm));
        measures.add(LONGER, "ms", percentile(&mut longer, 50.0));
        measures.add(SYNC, "ms", probe.result().p50);
    }
    measures.goal(LONGER, Goal::AtMost(0.5));
    Ok(measures)
}

/// Returns runs that have 10 operations in their histories.
async fn prepared(lab: &Lab, host: &Host) -> anyhow::Result<Side> {
    let mut client = host.connect().await?;
    let mut webhooks = Vec::new();
    for _ in 0..lab.choose(500, 50) {
        let (_, webhook) = Run::start_until_suspended(&mut client, &questions(1_000)).await?;
        for _ in 0..BEFORE {
            ask(&mut client, &webhook).await?;
        }
        webhooks.push(webhook);
    }
    host.until_idle().await?;
    Ok(Side { client, webhooks })
}

fn add_percentiles(measures: &mut Measures, times: &mut [f64]) {
    for (name, percent) in [("p50", 50.0), ("p90", 90.0), ("p99", 99.0)] {
        measures.add(name, "ms", percentile(times, percent));
    }
}

/// Measures the same for a webhook that the host answers with 202 at once: the time to the answer, and how often the
/// run already waits again when its caller looks after the answer.
async fn accepted(lab: &Lab, host: &Host, measures: &mut Measures) -> anyhow::Result<()> {
    let mut client = host.connect().await?;
    let input = r#"{"requests":1000000}"#;
    let (run, webhook) = Run::start_until_suspended(&mut client, input).await?;
    let count = lab.choose(500, 50);
    let (mut times, mut waiting) = (Vec::new(), 0);
    for _ in 0..count {
        let began = Moment::now();
        client.post(&webhook, b"{}").await?.expect(202)?;
        times.push(millis(began.elapsed()));
        if run.webhook(&mut client).await?.is_some() {
            waiting += 1;
        } else {
            run.waits_again(&mut client).await?;
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
