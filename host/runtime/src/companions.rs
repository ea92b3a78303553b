//! The workflows that one upload becomes. A file in JavaScript may contain several workflows, and for each a function
//! that is started as a run of its own when a run of the workflow fails.

use dormouse_journal::VersionId;
use dormouse_store::{ReadError, Store, Workflow, WorkflowSettings};

use crate::{DeployError, ScriptFacts, Unavailable};

/// The end of the name of the workflow that is started when runs of another workflow fail.
const FAILED: &str = "-failed";

/// The longest name of a workflow, in bytes.
const NAME: usize = 64;

/// A workflow that an upload becomes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedWorkflow {
    /// The name of the workflow.
    pub(crate) name: String,
    /// The name of the workflow that is started when its runs fail, if the upload has one.
    pub(crate) failed: Option<String>,
}

/// Returns the workflows that an upload becomes if it is deployed under this name.
pub(crate) fn plan(name: &str, facts: &ScriptFacts) -> Result<Vec<PlannedWorkflow>, DeployError> {
    let only = [String::new()];
    let parts = match facts.workflows.as_slice() {
        [] => &only,
        parts => parts,
    };
    let planned = parts.iter().map(|part| {
        let name = match part.as_str() {
            "" => name.to_owned(),
            part => format!("{name}-{part}"),
        };
        let failed = facts.failures.contains(part);
        let failed = failed.then(|| format!("{name}{FAILED}"));
        PlannedWorkflow { name, failed }
    });
    let planned: Vec<PlannedWorkflow> = planned.collect();
    let names = || planned.iter().map(|one| &one.name);
    let handlers = planned.iter().filter_map(|one| one.failed.as_ref());
    let mut all = names().chain(handlers.clone());
    if let Some(long) = all.find(|name| name.len() > NAME) {
        return Err(DeployError::InvalidScript(format!(
            "one of the file's workflows would have the name {long:?}, and a name has at most {NAME} characters; deploy the \
             file under a shorter name"
        )));
    }
    for one in planned.iter().filter(|one| one.failed.is_some()) {
        if one.name.ends_with(FAILED) {
            return Err(DeployError::InvalidScript(format!(
                "the workflow {:?} has a failureFunction, and its name ends as that of a run for a failure; deploy it under a \
                 name that does not end with {FAILED}",
                one.name
            )));
        }
    }
    if let Some(twice) = handlers
        .clone()
        .find(|name| names().any(|other| other == *name))
    {
        return Err(DeployError::InvalidScript(format!(
            "the file has a workflow {twice:?}, and a failureFunction that would have the same name; name the workflow \
             differently"
        )));
    }
    Ok(planned)
}

/// Refuses to replace a workflow of another origin by a failure function. A failure function of this workflow may be
/// replaced.
pub(crate) async fn refuse_other(
    store: &dyn Store,
    one: &PlannedWorkflow,
) -> Result<(), DeployError> {
    let Some(failed) = &one.failed else {
        return Ok(());
    };
    let Some(there) = store
        .workflow(failed.clone())
        .await?
        .filter(|it| !it.deleted)
    else {
        return Ok(());
    };
    let own = store.workflow(one.name.clone()).await?;
    if own.is_some_and(|own| has(&own, there.current)) {
        return Ok(());
    }
    Err(DeployError::InvalidScript(format!(
        "the failureFunction of {:?} is deployed as {failed:?}, and there is another workflow of that name; delete that one, or \
         deploy the file under another name",
        one.name
    )))
}

fn has(workflow: &Workflow, version: VersionId) -> bool {
    workflow.versions.iter().any(|known| known.id == version)
}

/// Connects a workflow with the failure function of its new version, and disconnects that of the version before. A
/// setting that the author has made stays. Returns a note for the author, if there is one.
pub(crate) async fn connect(
    store: &dyn Store,
    one: &PlannedWorkflow,
    before: Option<VersionId>,
) -> Result<Option<String>, DeployError> {
    let Some(workflow) = store.workflow(one.name.clone()).await? else {
        return Ok(None);
    };
    let own = format!("{}{FAILED}", one.name);
    let set = match (&workflow.on_failure, &one.failed) {
        (Some(set), Some(failed)) if set != failed => {
            return Ok(Some(format!(
                "the failureFunction of {} is not called: its failures start {set}, which `dormouse workflows set {} --on-failure` has set",
                one.name, one.name
            )));
        }
        (None, Some(failed)) => Some(failed.clone()),
        (Some(set), None) if *set == own && was_own(store, own, before).await? => None,
        _ => return Ok(None),
    };
    let settings = WorkflowSettings {
        when_broken: workflow.when_broken,
        retention: workflow.retention,
        may_use: workflow.may_use,
        on_failure: set,
    };
    store
        .set_workflow(one.name.clone(), settings)
        .await
        .map_err(Unavailable::from)?;
    Ok(None)
}

/// Returns true if the workflow `failed` still has the version that the workflow which it belongs to had before.
async fn was_own(
    store: &dyn Store,
    failed: String,
    before: Option<VersionId>,
) -> Result<bool, ReadError> {
    let there = store.workflow(failed).await?;
    Ok(there.is_some_and(|there| Some(there.current) == before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(workflows: &[&str], failures: &[&str]) -> ScriptFacts {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ScriptFacts {
            workflows: texts(workflows),
            failures: texts(failures),
            notes: Vec::new(),
        }
    }

    fn names(name: &str, facts: &ScriptFacts) -> Result<Vec<(String, Option<String>)>, String> {
        let planned = plan(name, facts).map_err(|error| error.to_string())?;
        Ok(planned
            .into_iter()
            .map(|one| (one.name, one.failed))
            .collect())
    }

    #[test]
    fn an_upload_becomes_what_is_in_it() {
        let own = |name: &str, failed: Option<&str>| (name.to_owned(), failed.map(str::to_owned));
        assert_eq!(names("a", &facts(&[], &[])), Ok(vec![own("a", None)]));
        assert_eq!(
            names("a", &facts(&[""], &[""])),
            Ok(vec![own("a", Some("a-failed"))])
        );
        assert_eq!(
            names("a", &facts(&["one", "two"], &["two"])),
            Ok(vec![own("a-one", None), own("a-two", Some("a-two-failed"))])
        );
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let long = "a".repeat(60);
        for (name, facts, part) in [
            (&*long, facts(&[""], &[""]), "shorter"),
            (&*long, facts(&["other"], &[]), "shorter"),
            ("a-failed", facts(&[""], &[""]), "does not end with"),
            ("a", facts(&["b", "b-failed"], &["b"]), "name the workflow"),
        ] {
            let refused = names(name, &facts).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
