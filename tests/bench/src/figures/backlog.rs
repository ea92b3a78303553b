//! Shows that calls which were accepted and not yet taken when the host was killed are taken after its restart.
//!
//! To make sure of untaken calls, the host has room for one instance only, and a workflow that computes without end
//! takes it. Calls are accepted, but none of them reaches its run before the kill.

use std::time::Duration;

use anyhow::bail;

use crate::client::Connection;
use crate::host::Host;
use crate::lab::Lab;
use crate::load::{Run, each};
use crate::report::{Goal, Measures};
use crate::statistics::number;
use crate::time::{Moment, millis, pause};

const CLIENTS: usize = 64;
const ONE_INSTANCE_ARGS: [&str; 2] = ["--instances=1", "--cpu-limit=1h"];

/// The workflow also computes without end after the restart, until this limit ends it.
const RESTART_ARGS: [&str; 1] = ["--cpu-limit=50ms"];

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    let (waiting, called) = lab.choose((10_000, 1_000), (1_000, 100));
    for _ in 0..lab.repeats {
        let mut host = lab.start(&[]).await?;
        let webhooks = suspended(&host, waiting).await?;
        host.stop()?;
        host.launch(&ONE_INSTANCE_ARGS)?;
        call_in_vain(&host, &webhooks[..called]).await?;
        let left = host.metric("dormouse_inbox_bytes").await?;
        host.kill()?;

        let began = Moment::now();
        let ready = host.launch(&RESTART_ARGS)?;
        if left == 0 {
            bail!("every call was taken before the kill, so there is nothing to measure");
        }
        while host.metric("dormouse_inbox_bytes").await? > 0 {
            pause(Duration::from_millis(2)).await;
        }
        measures.add("ready after the restart", "ms", millis(ready));
        measures.add("all taken after the restart", "ms", millis(began.elapsed()));
    }
    measures.add("runs waiting", "", number(waiting as u64));
    measures.add("calls accepted and not taken", "", number(called as u64));
    measures.goal("all taken after the restart", Goal::AtMost(1e3));
    Ok(measures)
}

/// Starts this many runs, and returns their webhooks once the runs wait.
async fn suspended(host: &Host, count: usize) -> anyhow::Result<Vec<(Run, String)>> {
    let mut clients = host.connections(CLIENTS).await?;
    each(&mut clients, count, async |client: &mut Connection, _| {
        Run::start_until_suspended(client, r#"{"requests":1}"#).await
    })
    .await
}

/// Calls each webhook of a host that has no free instance, and checks that no call was taken.
async fn call_in_vain(host: &Host, webhooks: &[(Run, String)]) -> anyhow::Result<()> {
    let mut clients = host.connections(CLIENTS).await?;
    Run::start(&mut clients[0], r#"{"spin":true}"#).await?;
    while host.metric("dormouse_instances_active").await? == 0 {
        pause(Duration::from_millis(1)).await;
    }
    // The counter rises a little before the run has the instance.
    pause(Duration::from_millis(100)).await;
    each(
        &mut clients,
        webhooks.len(),
        async |client: &mut Connection, index| {
            client.post(&webhooks[index].1, b"{}").await?.expect(202)?;
            Ok(())
        },
    )
    .await?;
    each(
        &mut clients,
        webhooks.len(),
        async |client: &mut Connection, index| {
            if !webhooks[index].0.has_queued(client).await? {
                bail!("a call was accepted, and is not in its webhook's inbox");
            }
            Ok(())
        },
    )
    .await?;
    Ok(())
}
