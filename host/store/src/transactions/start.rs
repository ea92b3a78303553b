//! Starting a run.

use dormouse_journal::{GuestLimits, Header, Payload, RunId, Time, VersionId};
use sha2::{Digest, Sha256};

use crate::group::{Transaction, Write};
use crate::tables::expiries::Expiring;
use crate::tables::{Run, Start, inputs, runs, starts, workflows};
use crate::transactions::edit::Edit;
use crate::{Following, ReadError, Store, WriteError};

/// A run to be started.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The id that it will have.
    pub run: RunId,
    /// Its workflow.
    pub workflow: String,
    /// This version rather than the current one.
    pub version: Option<VersionId>,
    /// What it is given.
    pub input: Payload,
    /// The headers of the request, credentials left out.
    pub headers: Vec<Header>,
    /// The key of its randomness.
    pub key: [u8; 32],
    /// The limits that it can feel.
    pub limits: GuestLimits,
    /// By which a repeat of this start is known.
    pub idempotency_key: Option<String>,
    /// For how many milliseconds it is.
    pub remember: u64,
}

/// What came of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It is a new run.
    New {
        /// Of this version.
        version: VersionId,
        /// Created at this time.
        created: Time,
    },
    /// The key was used before with the same input: this is the run.
    Existing(RunId),
    /// The key was used before with another input.
    OtherInput(RunId),
    /// There is no workflow of this name.
    UnknownWorkflow,
    /// The workflow has no such version.
    UnknownVersion,
    /// The workflow was deleted.
    Deleted,
}

impl Transaction for StartRun {
    type Output = Started;

    fn apply(&self, write: &mut Write<'_>) -> Result<Started, ReadError> {
        let name = self.workflow.as_str();
        let tables = &mut write.tables;
        let Some(workflow) = workflows::TABLE.get(&tables.workflows, name)? else {
            return Ok(Started::UnknownWorkflow);
        };
        // Without a key nothing will be compared, and a large input is not read for nothing.
        let key = self.idempotency_key.as_ref().map(|key| {
            let key = <[u8; 32]>::from(Sha256::digest(key));
            (key, input_digest(&self.input))
        });
        if let Some((key, input)) = key
            && let Some(start) = starts::TABLE.get(&tables.starts, (name, key))?
        {
            let same = start.input == input;
            return Ok(if same {
                Started::Existing(start.run)
            } else {
                Started::OtherInput(start.run)
            });
        }
        if workflow.deleted {
            return Ok(Started::Deleted);
        }
        let version = self.version.unwrap_or(workflow.current);
        if !workflow.versions.iter().any(|known| known.id == version) {
            return Ok(Started::UnknownVersion);
        }
        if let Some((key, input)) = key {
            starts::TABLE.put(
                &mut tables.starts,
                (name, key),
                &Start {
                    run: self.run,
                    input,
                },
            )?;
            let expiring = Expiring::Start {
                workflow: self.workflow.clone(),
                key,
            };
            tables.expiries.insert(
                (
                    write.now.after(self.remember).0,
                    expiring.to_key().as_slice(),
                ),
                (),
            )?;
        }
        let run = Run {
            workflow: self.workflow.clone(),
            version,
            created: write.now,
            key: self.key,
            limits: self.limits,
            headers: self.headers.clone(),
        };
        let input = runs::Row::has(&self.input).then(|| self.input.clone());
        if input.is_none() {
            inputs::TABLE.put(&mut tables.inputs, self.run.0, &self.input)?;
        }
        runs::TABLE.put(&mut tables.runs, self.run.0, &runs::Row { run, input })?;
        tables.runs_by_workflow.insert((name, self.run.0), ())?;
        write.edits.insert(Edit::new(self.run, write.now));
        Ok(Started::New {
            version,
            created: write.now,
        })
    }
}

fn input_digest(input: &Payload) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(&input.body);
    digest.finalize().into()
}

impl Store {
    /// Starts a run. `foretold` is asked as soon as it is known what comes of it, as for [`Store::accept`].
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn start_run<F: FnOnce(&Started) -> Option<Following> + Send + 'static>(
        &self,
        start: StartRun,
        foretold: F,
    ) -> impl Future<Output = Result<Started, WriteError>> + Send + use<F> {
        self.foretell(start, Box::new(foretold))
    }
}
