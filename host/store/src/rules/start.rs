//! Starting a run.

use dormouse_journal::{GuestLimits, Header, Payload, RunId, Time, VersionId};
use sha2::{Digest, Sha256};

use super::{Transaction, Write};
use crate::ReadError;
use crate::tables::expiries::Expiring;
use crate::tables::runs::{self, StoredRun};
use crate::tables::{Run, Start, inputs, runs_by_workflow, starts, workflows};

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
    /// The key by which a repeat of this start is known.
    pub idempotency_key: Option<String>,
    /// How long the key is remembered, in milliseconds.
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

    /// A key may be that of another start.
    fn run(&self) -> Option<RunId> {
        self.idempotency_key.is_none().then_some(self.run)
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Started, ReadError> {
        let name = self.workflow.as_str();
        let Some(workflow) = workflows::TABLE.get(write.rows, name)? else {
            return Ok(Started::UnknownWorkflow);
        };
        // Without a key nothing will be compared, and a large input is not read for nothing.
        let key = self.idempotency_key.as_ref().map(|key| {
            let key = <[u8; 32]>::from(Sha256::digest(key));
            (key, input_digest(&self.input))
        });
        if let Some((key, input)) = key
            && let Some(start) = starts::TABLE.get(write.rows, (name, key))?
        {
            return Ok(match start.input == input {
                true => Started::Existing(start.run),
                false => Started::OtherInput(start.run),
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
            self.remember(write, key, input)?;
        }
        self.begin(write, version)?;
        Ok(Started::New {
            version,
            created: write.now,
        })
    }
}

impl StartRun {
    /// Remembers the start for as long as a repeat of it is known.
    fn remember(
        &self,
        write: &mut Write<'_>,
        key: [u8; 32],
        input: [u8; 32],
    ) -> Result<(), ReadError> {
        let start = Start {
            run: self.run,
            input,
        };
        starts::TABLE.put(write.rows, (self.workflow.as_str(), key), &start)?;
        let expiring = Expiring::Start {
            workflow: self.workflow.clone(),
            key,
        };
        expiring.add(write.rows, write.now.after(self.remember))
    }

    fn begin(&self, write: &mut Write<'_>, version: VersionId) -> Result<(), ReadError> {
        let run = Run {
            workflow: self.workflow.clone(),
            version,
            created: write.now,
            key: self.key,
            limits: self.limits,
            headers: self.headers.clone(),
        };
        let input = StoredRun::has(&self.input).then(|| self.input.clone());
        if input.is_none() {
            inputs::TABLE.put(write.rows, self.run, &self.input)?;
        }
        runs::TABLE.put(write.rows, self.run, &StoredRun { run, input })?;
        runs_by_workflow::TABLE.add(write.rows, (self.workflow.as_str(), self.run))?;
        write.start(self.run);
        Ok(())
    }
}

fn input_digest(input: &Payload) -> [u8; 32] {
    let mut digest = Sha256::new();
    digest.update(&input.body);
    digest.finalize().into()
}
