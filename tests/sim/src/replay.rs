//! Checks that a replay does the same as the live run. Every run is executed again from its journal alone, and must
//! do what the journal says.
//!
//! A part of the journal is replayed, and the engine itself compares each operation. After it, the guest runs as if
//! it were new, with the completions of the journal. Its operations, log lines and end are compared with the journal,
//! byte for byte.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use dormouse_engine::{CpuClock, InstanceParts, Program, RunContext, Turns, Urls};
use dormouse_journal::{
    Activation, Completion, End, Hashed, Kind, LogLine, RunId, Status, Unhashed, WebhookNumber,
    generation_key,
};
use dormouse_limits::{Budget, Part};
use dormouse_seams::Task;
use dormouse_store::RunView;

use crate::{Reading, SeededRng, World};

/// A run, as the store has it.
struct Recorded<'w> {
    world: &'w World,
    program: Program,
    view: RunView,
    reading: &'w Reading,
    journal: Vec<Activation>,
    logs: Vec<(u32, LogLine)>,
    urls: Arc<RecordedUrls>,
}

/// Executes a run again, three times: with a replay up to its last activation, with a replay up to another one, and
/// without a replay. Returns the number of activations.
pub(crate) fn replay(
    world: &World,
    reading: &Reading,
    run: RunId,
    rng: &mut SeededRng,
) -> Result<usize, String> {
    let recorded = Recorded::read(world, reading, run)?;
    recorded.has_its_end()?;
    let Some(last) = recorded.journal.len().checked_sub(1) else {
        return Ok(0);
    };
    for replayed in [last, rng.index(last + 1), 0] {
        world
            .run(recorded.make_again(replayed))
            .map_err(|why| format!("made again after a replay of {replayed} activations: {why}"))?;
    }
    Ok(3 * recorded.journal.len())
}

impl<'w> Recorded<'w> {
    fn read(world: &'w World, reading: &'w Reading, run: RunId) -> Result<Self, String> {
        let read = |error: dormouse_store::ReadError| error.to_string();
        let view = reading.view(run).map_err(read)?.ok_or("it is gone")?;
        let component = reading.component(view.run.version).map_err(read)?;
        let journal = reading.journal(run).map_err(read)?;
        Ok(Recorded {
            world,
            program: world.program(&component.ok_or("its component is gone")?),
            reading,
            urls: Arc::new(RecordedUrls::of(&journal)),
            journal,
            logs: reading.logs(run).map_err(read)?,
            view,
        })
    }

    /// Checks that the run's shown end is the end in its journal.
    fn has_its_end(&self) -> Result<(), String> {
        let state = &self.view.state;
        let output = self.reading.output(self.view.id);
        let output = output.map_err(|error| error.to_string())?;
        let end = self.journal.last().and_then(|last| last.end.clone());
        let shown = match state.status {
            Status::Completed => output.map(End::Completed),
            Status::Failed => state.failure.clone().map(|failure| End::Failed {
                failure,
                backtrace: state.backtrace.clone(),
            }),
            _ => None,
        };
        if end == shown {
            Ok(())
        } else {
            Err(format!(
                "its journal ends with {end:?}, and shown is {shown:?}"
            ))
        }
    }

    /// Replays this many activations, and executes the others anew.
    async fn make_again(&self, replayed: usize) -> Result<(), String> {
        let mut instance = self
            .program
            .launch(self.parts())
            .map_err(|error| error.to_string())?;
        for (number, recorded) in self.journal.iter().enumerate() {
            if number < replayed {
                let repeated = instance.replay(recorded.clone()).await;
                repeated.map_err(|error| format!("activation {number}: {error}"))?;
                continue;
            }
            let completion: Option<Completion> = recorded.completion.clone();
            let made = instance.activate(recorded.moment(), completion).await;
            let made = made.map_err(|error| format!("activation {number}: {error}"))?;
            // The instance does not know the origin of its completion.
            let activation = Activation {
                origin: recorded.origin.clone(),
                ..made.activation
            };
            if activation != *recorded {
                return Err(format!(
                    "activation {number} was {recorded:?}, and is {activation:?}"
                ));
            }
            let logged = self.logs.iter();
            let first = self.view.state.first_activation;
            let logged = logged.filter(|(of, _)| {
                let place = of.checked_sub(first);
                place.map(usize::try_from) == Some(Ok(number))
            });
            if !logged.map(|(_, line)| line).eq(&made.logs) {
                return Err(format!("activation {number} logs {:?} now", made.logs));
            }
        }
        Ok(())
    }

    fn parts(&self) -> InstanceParts {
        let run = &self.view.run;
        let begun = self.reading.beginning(self.view.id).ok();
        let (beginning, input) = begun.unwrap_or_default();
        InstanceParts {
            context: RunContext {
                id: self.view.id,
                workflow: run.workflow.clone(),
                version: run.version,
                started: run.created,
                headers: run.headers.clone(),
                request: match self.view.state.generation {
                    0 => run.trigger_request(),
                    _ => None,
                },
            },
            input,
            beginning,
            earlier: dormouse_engine::EarlierWebhooks::default(),
            key: generation_key(run.key, self.view.state.generation),
            limits: run.limits,
            host_limits: self.world.limits(),
            memory: Budget::default().begin(Part::Guests),
            held: Budget::default().begin(Part::Guests),
            urls: self.urls.clone(),
            providers: dormouse_webhook::provider::Providers::default(),
            cpu: Arc::new(NoCpu),
            turns: Arc::new(AtOnce),
            logged: 0,
            labels: run.labels.clone(),
            rebuild_after_step: false,
        }
    }
}

/// The URLs that the live run was given. They are still in the journal after the webhooks are gone.
struct RecordedUrls(BTreeMap<WebhookNumber, String>);

impl RecordedUrls {
    fn of(journal: &[Activation]) -> Self {
        let operations = journal.iter().flat_map(|made| &made.operations);
        let urls = operations.filter_map(|operation| match &operation.kind {
            Kind::CreateWebhook { webhook, url, .. } => Some((*webhook, url.clone())),
            _ => None,
        });
        RecordedUrls(urls.collect())
    }
}

impl Urls for RecordedUrls {
    fn url(&self, _run: RunId, webhook: WebhookNumber) -> String {
        self.0.get(&webhook).cloned().unwrap_or_default()
    }
}

/// Turns that are given at once.
struct AtOnce;

impl Turns for AtOnce {
    fn next(&self) -> Task<Box<dyn Any + Send>> {
        Box::pin(async {
            let turn: Box<dyn Any + Send> = Box::new(());
            turn
        })
    }

    fn hash(&self, unhashed: Unhashed) -> Task<Option<Hashed>> {
        Box::pin(async { Some(unhashed.hash()) })
    }
}

/// CPU time that is never used up.
struct NoCpu;

impl CpuClock for NoCpu {
    fn thread_time(&self) -> Duration {
        Duration::ZERO
    }
}
