//! The time from the upload of a component to the end of its first run, and a check that a restart
//! compiles nothing.

use anyhow::bail;

use crate::client::Connection;
use crate::host::{Host, WORKFLOW};
use crate::lab::Lab;
use crate::report::{Goal, Measures};
use crate::statistics::number;
use crate::time::{Moment, millis};

pub(super) async fn measure(lab: &mut Lab) -> anyhow::Result<Measures> {
    let mut measures = Measures::default();
    for _ in 0..lab.repeats {
        let mut host = Host::start(&lab.host, &lab.folder, &[])?;
        let mut client = host.connect().await?;
        let began = Moment::now();
        host.deploy(&lab.component).await?;
        measures.add("upload answered", "ms", millis(began.elapsed()));
        first_run(&mut client).await?;
        measures.add(
            "upload to the end of the first run",
            "ms",
            millis(began.elapsed()),
        );
        let compiling = host.usage()?.children_processor_time()?;
        measures.add("processor time for compiling", "ms", millis(compiling));

        host.stop()?;
        host.launch(&[])?;
        let mut client = host.connect().await?;
        let began = Moment::now();
        first_run(&mut client).await?;
        measures.add("first run after a restart", "ms", millis(began.elapsed()));
        let compiling = host.usage()?.children_processor_time()?;
        measures.add(
            "processor time for compiling after it",
            "ms",
            millis(compiling),
        );
    }
    let size = number(lab.component.len() as u64) / 1024.0;
    measures.add("size of the component", "KiB", size);
    measures.goal("upload to the end of the first run", Goal::AtMost(500.0));
    measures.goal("processor time for compiling after it", Goal::AtMost(0.0));
    Ok(measures)
}

/// Starts a run that ends at once, and waits for its end.
async fn first_run(client: &mut Connection) -> anyhow::Result<()> {
    let path = format!("/v1/workflows/{WORKFLOW}/runs");
    let headers = "content-type: application/json\r\nprefer: wait=30\r\n";
    let answer = client.exchange("POST", &path, headers, b"{}").await?;
    let run = answer.expect(200)?.json()?;
    if run["status"] != "completed" {
        bail!("the first run should have completed: {run}");
    }
    Ok(())
}
