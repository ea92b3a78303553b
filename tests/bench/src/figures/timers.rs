//! Many timers that are due within one second: when they fire, and in which order.

use std::collections::HashMap;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::client::Connection;
use crate::host::{Host, WORKFLOW};
use crate::lab::Lab;
use crate::load::{Run, each};
use crate::report::{Goal, Measures};
use crate::statistics::{number, percentile};
use crate::time::{epoch_millis, pause};

const CLIENTS: usize = 64;

/// Timers are due within this many milliseconds.
const WITHIN: u64 = 1_000;

const DAY: f64 = 86_400_000.0;

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let count: u64 = lab.choose(10_000, 1_000);
    for _ in 0..lab.repeats {
        let host = lab.start(&[]).await?;
        // All runs must fall asleep before the first timer is due, also on a slow disk.
        let first = epoch_millis() + 5_000 + 3 * count;
        let runs = start(&host, first, count).await?;
        if epoch_millis() >= first {
            bail!("the host was too slow to start {count} runs before the first timer was due");
        }
        pause(std::time::Duration::from_millis(
            first + WITHIN - epoch_millis(),
        ))
        .await;
        let mut fired = fired(&host, &runs).await?;
        fired.sort_by(|a, b| a.due.total_cmp(&b.due));
        let mut late: Vec<f64> = fired.iter().map(|timer| timer.ended - timer.due).collect();
        measures.add("fired too early", "", number(early(&late)));
        measures.add("furthest out of order", "ms", furthest_out_of_order(&fired));
        for (name, percent) in [
            ("late, p50", 50.0),
            ("late, p99", 99.0),
            ("late, the last", 100.0),
        ] {
            measures.add(name, "ms", percentile(&mut late, percent));
        }
    }
    measures.add("timers", "", number(count));
    measures.goal("fired too early", Goal::AtMost(0.0));
    measures.goal("late, the last", Goal::AtMost(2_000.0));
    Ok(measures)
}

/// A run that slept. Both times are in milliseconds of the day.
struct Timer {
    due: f64,
    ended: f64,
}

/// Starts runs that sleep until some time in one second. The runs of one client are not in the order of their due
/// times.
async fn start(host: &Host, first: u64, count: u64) -> anyhow::Result<HashMap<String, u64>> {
    let mut clients = host.connections(CLIENTS).await?;
    let start = async |client: &mut Connection, index: usize| {
        // 7 shares no factor with 1,000, so each millisecond has the same number of timers.
        let due = first + (index as u64 * 7) % WITHIN;
        let run = Run::start(client, &format!(r#"{{"sleep_until":{due}}}"#)).await?;
        Ok((run.id, due))
    };
    let runs = each(&mut clients, usize::try_from(count)?, start).await?;
    host.until_idle().await?;
    Ok(runs.into_iter().collect())
}

/// Returns when each run ended, once all runs have ended.
async fn fired(host: &Host, runs: &HashMap<String, u64>) -> anyhow::Result<Vec<Timer>> {
    loop {
        let ended = ended(host).await?;
        if ended.len() < runs.len() {
            pause(std::time::Duration::from_millis(100)).await;
            continue;
        }
        let timer = |(id, ended): (String, f64)| {
            let due = runs.get(&id).context("a run that nobody started")?;
            let due = number(*due) % DAY;
            // The timer may have been due before midnight and the run have ended after it.
            let ended = if ended < due - DAY / 2.0 {
                ended + DAY
            } else {
                ended
            };
            Ok(Timer { due, ended })
        };
        return ended.into_iter().map(timer).collect();
    }
}

/// Returns the completed runs, and when they ended.
async fn ended(host: &Host) -> anyhow::Result<Vec<(String, f64)>> {
    let mut client = host.connect().await?;
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/runs?workflow={WORKFLOW}&status=completed&limit=500{cursor}");
        let page = client.get(&path).await?.expect(200)?.json()?;
        for run in page["runs"].as_array().context("a page without runs")? {
            let id = run["id"].as_str().context("a run without an id")?;
            all.push((id.to_owned(), time_of_day(&run["ended"])?));
        }
        match page["next"].as_str() {
            None => return Ok(all),
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

/// Returns the milliseconds since midnight of a time such as `2026-01-31T23:59:59.999Z`.
fn time_of_day(time: &Value) -> anyhow::Result<f64> {
    let parse = || {
        let (_, clock) = time.as_str()?.strip_suffix('Z')?.split_once('T')?;
        let mut parts = clock.split(':').map(|part| part.parse::<f64>().ok());
        let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
        Some(((hours * 60.0 + minutes) * 60.0 + seconds) * 1e3)
    };
    let millis: f64 = parse().with_context(|| format!("{time} is not a time"))?;
    Ok(millis.round())
}

fn early(late: &[f64]) -> u64 {
    late.iter().filter(|late| **late < 0.0).count() as u64
}

/// Returns the longest time by which a timer fired before another timer that was due earlier. `timers` are in the
/// order of their due times. Timers of the same millisecond have no order.
fn furthest_out_of_order(timers: &[Timer]) -> f64 {
    let (mut latest, mut furthest) = (f64::MIN, 0.0_f64);
    for same_due in timers.chunk_by(|a, b| a.due == b.due) {
        for timer in same_due {
            furthest = furthest.max(latest - timer.ended);
        }
        latest = same_due
            .iter()
            .map(|timer| timer.ended)
            .fold(latest, f64::max);
    }
    furthest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond() {
        let time = |text: &str| time_of_day(&Value::from(text)).ok();
        assert_eq!(time("2026-01-31T23:59:59.999Z"), Some(86_399_999.0));
        assert_eq!(time("2026-01-31T00:00:01Z"), Some(1_000.0));
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_timer_that_fires_before_an_earlier_one_is_out_of_order() {
        let timers = |pairs: &[(f64, f64)]| -> Vec<Timer> {
            let timer = |&(due, ended): &(f64, f64)| Timer { due, ended };
            pairs.iter().map(timer).collect()
        };
        let orderly = timers(&[(1.0, 5.0), (1.0, 4.0), (2.0, 5.0), (3.0, 9.0)]);
        assert_eq!(furthest_out_of_order(&orderly), 0.0);
        let not = timers(&[(1.0, 9.0), (2.0, 5.0), (3.0, 8.0)]);
        assert_eq!(furthest_out_of_order(&not), 4.0);
    }
}
