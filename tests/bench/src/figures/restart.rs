//! The time until the host is ready again after a restart, with a million runs asleep.

use super::dormant::{self, SETTINGS, mebibytes};
use crate::disk;
use crate::lab::Lab;
use crate::report::{Goal, Measures};
use crate::time::millis;

/// The number of runs that are woken before a kill, so that the store is in use when the host dies.
const WOKEN: usize = 100;

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut dormant = dormant::prepared(lab).await?;
    let mut measures = Measures::default();
    let file = dormant.host.store_file()?;
    measures.add(
        "size of the store",
        "MiB",
        mebibytes(std::fs::metadata(&file)?.len()),
    );
    for _ in 0..lab.repeats {
        dormant.wakes(WOKEN).await?;
        dormant.host.stop()?;
        let ready = dormant.host.launch(&SETTINGS)?;
        measures.add("ready after SIGTERM", "ms", millis(ready));

        dormant.wakes(WOKEN).await?;
        dormant.host.kill()?;
        let ready = dormant.host.launch(&SETTINGS)?;
        measures.add("ready after SIGKILL, file in memory", "ms", millis(ready));

        dormant.wakes(WOKEN).await?;
        dormant.host.kill()?;
        let read = disk::read_through(&file)?;
        disk::forget(&file)?;
        let ready = dormant.host.launch(&SETTINGS)?;
        measures.add("reading the file from the disk", "ms", millis(read));
        measures.add(
            "ready after SIGKILL, file not in memory",
            "ms",
            millis(ready),
        );
    }
    let read = measures.median("reading the file from the disk");
    measures.goal("ready after SIGTERM", Goal::AtMost(1e3));
    measures.goal(
        "ready after SIGKILL, file not in memory",
        Goal::AtMost(1e3 + read),
    );
    lab.dormant = Some(dormant);
    Ok(measures)
}
