//! Starting a run.

use dormouse_journal::{GuestLimits, Header, Labels, Payload, RunId, Time, VersionId};
use sha2::{Digest, Sha256};

use super::storage::StorageLimits;
use super::{Lane, RUN, SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::rows::counted::counted;
use crate::tables::expiries::Expiring;
use crate::tables::runs::{self, StoredRun};
use crate::tables::{Parent, Run, Start, Triggered, inputs, runs_by_workflow, starts, workflows};

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
    /// The same as an earlier version of the host may have remembered it.
    pub earlier_key: Option<String>,
    /// How long the key is remembered, in milliseconds.
    pub remember: u64,
    /// What the run and its workflow may own on the disk.
    pub storage: StorageLimits,
    /// The run that it repeats.
    pub restarted: Option<RunId>,
    /// The run that starts it, if one does.
    pub parent: Option<Parent>,
    /// Its labels.
    pub labels: Labels,
    /// The trigger that starts it, if one does.
    pub trigger: Option<Triggered>,
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
    /// The input alone is more than a run may own on the disk.
    TooLarge,
    /// All runs of the workflow together own as much on the disk as they may.
    WorkflowFull,
}

/// A run on its way into the store.
pub(crate) struct BeginRun {
    /// What is asked, with the input if that is small.
    start: StartRun,
    /// The digests of the key and of the input, if there is a key: else nothing will be compared.
    key: Option<([u8; 32], [u8; 32])>,
    /// The digest of the key as it may have been remembered before.
    earlier_key: Option<[u8; 32]>,
    /// The row in `inputs` of a large input.
    input: Option<Vec<u8>>,
}

impl BeginRun {
    pub(crate) fn new(mut start: StartRun) -> Self {
        let key = start.idempotency_key.as_ref().map(|key| {
            let input = Sha256::digest(&start.input.body);
            (Sha256::digest(key).into(), input.into())
        });
        let is_small = StoredRun::has(&start.input);
        let input = (!is_small).then(|| inputs::TABLE.encode(&std::mem::take(&mut start.input)));
        let earlier_key = start.earlier_key.as_ref();
        let earlier_key = earlier_key.map(|key| Sha256::digest(key).into());
        BeginRun {
            start,
            key,
            earlier_key,
            input,
        }
    }

    /// Returns about how many bytes the run will own.
    fn size(&self) -> u64 {
        let headers = self.start.headers.iter();
        let headers: usize = headers
            .map(|(name, value)| name.len() + value.len() + 4)
            .sum();
        let input = self.input.as_ref().map_or(0, Vec::len);
        let labels = self.start.labels.as_map().iter();
        let labels: usize = labels.map(|(key, value)| key.len() + value.len() + 4).sum();
        (headers + labels + input) as u64 + 2 * SMALL_ROW
    }
}

impl Transaction for BeginRun {
    type Output = Started;

    /// A key may be that of another start.
    fn run(&self) -> Option<RunId> {
        let has_key = self.start.idempotency_key.is_some();
        (!has_key).then_some(self.start.run)
    }

    fn lane(&self) -> Lane {
        Lane::Workflow(self.start.workflow.clone())
    }

    /// The run, its input, its place among those of its workflow and of its labels, its key and when that is forgotten.
    fn cost(&self) -> Extent {
        let labels = self.start.labels.len() as u64;
        RUN.and(Extent::new(5 + labels, self.size() + 4 * SMALL_ROW))
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<Started, ReadError> {
        let start = &self.start;
        let name = start.workflow.as_str();
        let Some(workflow) = workflows::TABLE.get(&write.rows, name)? else {
            return Ok(Started::UnknownWorkflow);
        };
        if let Some((_, input)) = self.key
            && let Some(start) = self.first(write)?
        {
            return Ok(match start.input == input {
                true => Started::Existing(start.run),
                false => Started::OtherInput(start.run),
            });
        }
        if workflow.deleted {
            return Ok(Started::Deleted);
        }
        let version = start.version.unwrap_or(workflow.current);
        if !workflow.versions.iter().any(|known| known.id == version) {
            return Ok(Started::UnknownVersion);
        }
        if self.size() > start.storage.run {
            return Ok(Started::TooLarge);
        }
        if start.storage.refuse_workflow(write, name, self.size())? {
            return Ok(Started::WorkflowFull);
        }
        if let Some((key, input)) = self.key {
            self.remember(write, key, input)?;
        }
        self.begin(write, version)?;
        Ok(Started::New {
            version,
            created: write.now,
        })
    }
}

impl BeginRun {
    /// Returns what is remembered of the first start with this key.
    fn first(&self, write: &Write<'_>) -> Result<Option<Start>, ReadError> {
        let workflow = self.start.workflow.as_str();
        let key = self.key.map(|(key, _)| key);
        for key in [key, self.earlier_key].into_iter().flatten() {
            if let Some(first) = starts::TABLE.get(&write.rows, (workflow, key))? {
                return Ok(Some(first));
            }
        }
        Ok(None)
    }

    /// Remembers the start for as long as a repeat of it is known.
    fn remember(
        &self,
        write: &mut Write<'_>,
        key: [u8; 32],
        input: [u8; 32],
    ) -> Result<(), ReadError> {
        let workflow = &self.start.workflow;
        let start = Start {
            run: self.start.run,
            input,
        };
        starts::TABLE.put(&mut write.rows, (workflow.as_str(), key), &start)?;
        let expiring = Expiring::Start {
            workflow: workflow.clone(),
            key,
        };
        let time = write.now.after(self.start.remember);
        expiring.add(&mut write.rows, time)
    }

    fn begin(&self, write: &mut Write<'_>, version: VersionId) -> Result<(), ReadError> {
        let start = &self.start;
        let stored = StoredRun {
            run: Run {
                workflow: start.workflow.clone(),
                version,
                created: write.now,
                key: start.key,
                limits: start.limits,
                headers: start.headers.clone(),
                restarted: start.restarted,
                parent: start.parent,
                labels: start.labels.clone(),
                trigger: start.trigger.clone(),
            },
            input: self.input.is_none().then(|| start.input.clone()),
            input_row: Some(self.input.as_ref().map_or(0, |row| counted(row.len()))),
        };
        let (rows, workflow) = (&mut write.rows, start.workflow.as_str());
        if let Some(row) = &self.input {
            inputs::TABLE.put_encoded(rows, start.run, row)?;
        }
        runs::put(rows, start.run, &stored, &Labels::default())?;
        runs_by_workflow::TABLE.add(rows, (workflow, start.run))?;
        write.start(start.run, workflow, start.parent.is_some())
    }
}
