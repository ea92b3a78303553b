//! Tasks, on tokio.

use dormouse_store::seams::{Spawner, Task};
use tokio::runtime::Handle;

/// Runs tasks on a tokio runtime, and blocking work on its threads for that.
#[derive(Debug, Clone)]
pub struct TokioTasks(pub Handle);

impl Spawner for TokioTasks {
    fn spawn(&self, task: Task) {
        self.0.spawn(task);
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.spawn_blocking(work);
    }
}
