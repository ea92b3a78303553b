//! Starts runs.

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

/// A run that is to be started.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// The id that the run will have.
    pub run: RunId,
    /// The name of the workflow.
    pub workflow: String,
    /// The version. None for the current version.
    pub version: Option<VersionId>,
    /// The input of the run.
    pub input: Payload,
    /// The headers of the request, without credentials.
    pub headers: Vec<Header>,
    /// The key of the run's random numbers.
    pub key: [u8; 32],
    /// The limits that the run can notice.
    pub limits: GuestLimits,
    /// The key by which a repeat of this start is recognised.
    pub idempotency_key: Option<String>,
    /// The key in the form in which an earlier version of the host may have remembered it.
    pub earlier_key: Option<String>,
    /// How long the key is remembered, in milliseconds.
    pub remember: u64,
    /// The disk space that the run and its workflow may use.
    pub storage: StorageLimits,
    /// The run that this start restarts, if there is one.
    pub restarted: Option<RunId>,
    /// The run that starts this one, if there is one.
    pub parent: Option<Parent>,
    /// The labels of the run.
    pub labels: Labels,
    /// The trigger that starts the run, if there is one.
    pub trigger: Option<Triggered>,
}

/// The result of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// A new run was started.
    New {
        /// The version of the run.
        version: VersionId,
        /// The time at which the run was created.
        created: Time,
    },
    /// The key was used before with the same input, and started this run.
    Existing(RunId),
    /// The key was used before with another input, and started this run.
    OtherInput(RunId),
    /// There is no workflow of this name.
    UnknownWorkflow,
    /// The workflow has no such version.
    UnknownVersion,
    /// The workflow was deleted.
    Deleted,
    /// The input alone is larger than the disk space that a run may use.
    TooLarge,
    /// The runs of the workflow together use all disk space that they may use.
    WorkflowFull,
}

/// A run that is ready to be written.
pub(crate) struct BeginRun {
    /// The options, with the input if it is small.
    start: StartRun,
    /// The digests of the key and of the input. None if there is no key, so that nothing is compared.
    key: Option<([u8; 32], [u8; 32])>,
    /// The digest of the key in its earlier form.
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

    /// Returns about how many bytes of disk space the run will use.
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

    /// Returns none if there is a key, because another run may have started with it.
    fn run(&self) -> Option<RunId> {
        let has_key = self.start.idempotency_key.is_some();
        (!has_key).then_some(self.start.run)
    }

    fn lane(&self) -> Lane {
        Lane::Workflow(self.start.workflow.clone())
    }

    /// The rows: the run, its input, its places in the indexes of workflows and labels, its key, and the expiry of the
    /// key.
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
    /// Returns the row that remembers the first start with this key.
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

    /// Remembers the start for as long as a repeat of it is recognised.
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
