//! Starts a run for another run.

use dormouse_journal::{
    Failure, Header, Label, LabelError, Labels, RunId, VersionId, WhenParentEnds,
};

use super::mail::MailLimits;
use super::start::{BeginRun, StartRun, Started};
use super::storage::StorageLimits;
use super::{Transaction as _, Write, family};
use crate::ReadError;
use crate::tables::children::{self, Child};
use crate::tables::orders::ChildStart;
use crate::tables::{Parent, runs};

/// The limits under which orders are carried out.
#[derive(Debug, Clone)]
pub struct OrderLimits {
    /// The limits that a started run can notice.
    pub guest: dormouse_journal::GuestLimits,
    /// The disk space that a run and its workflow may use.
    pub storage: StorageLimits,
    /// The largest number of living runs that one run has started, and the name of the setting.
    pub children: (u32, &'static str),
    /// The largest number of runs above a run, and the name of the setting.
    pub depth: (u32, &'static str),
    /// How long a run is kept after its end, in milliseconds.
    pub retention: u64,
    /// The grace period of a run whose timeout has passed, in milliseconds.
    pub timeout_grace: u64,
    /// The largest size of an input or an output, in bytes.
    pub body: u64,
    /// The limits of events that are aimed at a run.
    pub mail: MailLimits,
}

/// Starts a run for another run. Returns the reason if it was not started.
pub(super) fn begin(
    write: &mut Write<'_>,
    owner: RunId,
    (child, headers): (ChildStart, Vec<Header>),
    limits: &OrderLimits,
) -> Result<Result<(), Failure>, ReadError> {
    let workflow = child.workflow.clone();
    let (stored, alive) = match write.run(owner)? {
        Some(parent) => {
            let alive = parent.state().children;
            (runs::TABLE.get(parent.rows, owner)?, alive)
        }
        None => (None, 0),
    };
    let above = stored.and_then(|stored| stored.run.parent);
    let depth = above.map_or(0, |parent| parent.depth) + 1;
    let bounds = [
        (
            "runs that it started and that have not ended",
            alive.saturating_add(1),
            limits.children,
        ),
        ("runs above the one to be started", depth, limits.depth),
    ];
    for (what, would_be, (most, setting)) in bounds {
        if would_be > most {
            return Ok(Err(refused(
                "limit",
                format!(
                    "this run would have {would_be} {what}, and may have {most}; the setting is `{setting}`"
                ),
            )));
        }
    }
    let own = write.run(owner)?.map(|run| run.state().workflow.clone());
    let own = own.unwrap_or_default();
    if let Some(refused) = family::refuse_start(&write.rows, &own, &workflow)? {
        return Ok(Err(refused));
    }
    let version = match child.version.as_deref().map(str::parse::<VersionId>) {
        None => None,
        Some(Ok(version)) => Some(version),
        Some(Err(_)) => return Ok(Err(unknown_version(&workflow))),
    };
    let labels = match labels_of(&child.labels) {
        Ok(labels) => labels,
        Err(failure) => return Ok(Err(failure)),
    };
    let (id, when_parent_ends) = (child.run, child.when_parent_ends);
    let start = StartRun {
        run: id,
        workflow: child.workflow,
        version,
        input: child.input,
        headers,
        key: child.key,
        limits: limits.guest,
        idempotency_key: None,
        earlier_key: None,
        remember: 0,
        storage: limits.storage,
        restarted: None,
        labels,
        trigger: None,
        parent: Some(Parent {
            run: owner,
            operation: child.operation,
            depth,
            when_parent_ends,
            timeout: child.timeout,
        }),
    };
    let failure = match BeginRun::new(start).apply(write)? {
        Started::New { .. } => {
            add_child(write, owner, id, when_parent_ends)?;
            return Ok(Ok(()));
        }
        Started::UnknownWorkflow | Started::Deleted => refused(
            "unknown-workflow",
            format!("there is no workflow {workflow:?}; deploy one of this name first"),
        ),
        Started::UnknownVersion => unknown_version(&workflow),
        Started::TooLarge => refused(
            "limit",
            "the input alone is more than a run may own on the disk; the setting is `storage-limit`".into(),
        ),
        Started::WorkflowFull => refused(
            "limit",
            format!("the runs of workflow {workflow:?} own as much on the disk as they may; the setting is \
                     `workflow-storage-limit`"),
        ),
        Started::Existing(_) | Started::OtherInput(_) => {
            refused("error", "the start had a key".into())
        }
    };
    Ok(Err(failure))
}

/// Notes that a run which was just started is a child of another run.
fn add_child(
    write: &mut Write<'_>,
    parent: RunId,
    id: RunId,
    when_parent_ends: WhenParentEnds,
) -> Result<(), ReadError> {
    children::TABLE.put(&mut write.rows, (parent, id), &Child { when_parent_ends })?;
    if let Some(mut run) = write.run(parent)? {
        let state = run.state_mut();
        state.children = state.children.saturating_add(1);
    }
    Ok(())
}

/// Returns the labels in these texts.
fn labels_of(texts: &[String]) -> Result<Labels, Failure> {
    let mut labels = Labels::default();
    for text in texts {
        let set = text.parse().and_then(|label: Label| {
            if labels.has_key(label.key()) {
                return Err(LabelError::Repeated);
            }
            labels.set(label)
        });
        set.map_err(|error| error.failure(text))?;
    }
    Ok(labels)
}

fn unknown_version(workflow: &str) -> Failure {
    refused(
        "unknown-version",
        format!("the workflow {workflow:?} has no such version"),
    )
}

fn refused(code: &str, message: String) -> Failure {
    Failure {
        code: code.into(),
        message,
    }
}
