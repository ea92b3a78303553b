//! Sets, shows and changes triggers.

use std::sync::Arc;

use dormouse_journal::{Time, TriggerId, TriggerOptions};
use dormouse_store::{
    EARLIER_URLS, EarlierUrl, SetTrigger, Trigger, TriggerActed, TriggerAction, TriggerCounts,
    TriggerSet, TriggerView, WriteError,
};
use dormouse_webhook::TriggerToken;

use crate::assemble::Services;
use crate::{Unavailable, UnusableSecret};

/// A trigger with its URL.
#[derive(Debug, Clone)]
pub struct ShownTrigger {
    /// The id of the trigger.
    pub id: TriggerId,
    /// The URL of the trigger.
    pub url: String,
    /// Earlier URLs that are still valid, each with the time until which it is valid.
    pub earlier: Vec<(String, Time)>,
    /// The trigger.
    pub trigger: Trigger,
    /// The results of the requests to the trigger, counted.
    pub counts: TriggerCounts,
    /// Secrets of the trigger that are not valid keys for its provider's signature.
    pub unusable: Vec<UnusableSecret>,
}

/// Why a trigger was not set or changed.
#[derive(Debug, thiserror::Error)]
pub enum SetTriggerError {
    /// There is no such workflow.
    #[error("there is no workflow {0:?}: deploy it first")]
    UnknownWorkflow(String),
    /// The workflow has no such version.
    #[error(
        "workflow {0:?} has no such version: `dormouse workflows show {0}`, or `GET /v1/workflows/{0}`, lists those it has"
    )]
    UnknownVersion(String),
    /// There is no such trigger.
    #[error("there is no trigger {0:?}: set it first")]
    Unknown(String),
    /// Too many earlier URLs of the trigger are still valid.
    #[error(
        "{EARLIER_URLS} earlier URLs of the trigger {0:?} are still valid, and there cannot be more; a rotation that keeps \
         none of them (`keep_old` of `0s`) ends them all at once"
    )]
    TooManyUrls(String),
    /// The host cannot do this now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Sets triggers and shows them.
pub struct TriggerControl<'s>(&'s Services);

impl<'s> TriggerControl<'s> {
    pub(crate) fn new(services: &'s Arc<Services>) -> Self {
        TriggerControl(services)
    }

    /// Sets a trigger. Returns it, and true if there was no trigger of this name.
    ///
    /// # Errors
    /// When there is no such workflow or version, or the trigger cannot be made durable.
    pub async fn set(
        &self,
        name: &str,
        options: TriggerOptions,
    ) -> Result<(ShownTrigger, bool), SetTriggerError> {
        let services = self.0;
        let workflow = options.workflow.clone();
        let id = services.ids.next(services.clock.now());
        let set = SetTrigger {
            name: name.to_owned(),
            id: TriggerId(id.0),
            options,
        };
        let is_new = match services.store.set_trigger(set).await? {
            TriggerSet::Created => true,
            TriggerSet::Changed => false,
            TriggerSet::UnknownWorkflow => return Err(SetTriggerError::UnknownWorkflow(workflow)),
            TriggerSet::UnknownVersion => return Err(SetTriggerError::UnknownVersion(workflow)),
        };
        tracing::info!(trigger = name, workflow, "a trigger was set");
        Ok((self.known(name).await?, is_new))
    }

    /// Rotates, pauses or resumes a trigger. Returns it.
    ///
    /// # Errors
    /// When there is no trigger of this name, the action is not possible, or it cannot be made
    /// durable.
    pub async fn act(
        &self,
        name: &str,
        action: TriggerAction,
    ) -> Result<ShownTrigger, SetTriggerError> {
        self.change(name, action).await?;
        self.known(name).await
    }

    /// Deletes a trigger.
    ///
    /// # Errors
    /// When there is no trigger of this name, or the change cannot be made durable.
    pub async fn delete(&self, name: &str) -> Result<(), SetTriggerError> {
        self.change(name, TriggerAction::Delete).await
    }

    /// Returns the trigger of this name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn show(&self, name: &str) -> Result<Option<ShownTrigger>, Unavailable> {
        let view = self.0.store.trigger(name.to_owned()).await?;
        Ok(match view {
            Some(view) => Some(self.shown(view).await?),
            None => None,
        })
    }

    /// Returns at most this many triggers in the order of their names, those after the given name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<ShownTrigger>, Unavailable> {
        let views = self.0.store.triggers(after, limit).await?;
        let mut shown = Vec::with_capacity(views.len());
        for view in views {
            shown.push(self.shown(view).await?);
        }
        Ok(shown)
    }

    async fn known(&self, name: &str) -> Result<ShownTrigger, SetTriggerError> {
        let shown = self.show(name).await?;
        shown.ok_or_else(|| SetTriggerError::Unknown(name.to_owned()))
    }

    async fn change(&self, name: &str, action: TriggerAction) -> Result<(), SetTriggerError> {
        let acted = self.0.store.act_on_trigger(name.to_owned(), action);
        match acted.await? {
            TriggerActed::Done => {
                tracing::info!(trigger = name, ?action, "a trigger was changed");
                Ok(())
            }
            TriggerActed::TooManyUrls => Err(SetTriggerError::TooManyUrls(name.to_owned())),
            TriggerActed::Unknown => Err(SetTriggerError::Unknown(name.to_owned())),
        }
    }

    async fn shown(&self, view: TriggerView) -> Result<ShownTrigger, Unavailable> {
        let url = |rotation| {
            self.0.urls.of_trigger(TriggerToken {
                trigger: view.id,
                rotation,
            })
        };
        let now = self.0.clock.now();
        let earlier = view.trigger.earlier.iter();
        let earlier = earlier.filter(|earlier| earlier.is_valid(now));
        let earlier = earlier.map(|EarlierUrl { rotation, until }| (url(*rotation), *until));
        let options = &view.trigger.options;
        let unusable = self
            .0
            .unusable_secrets(&options.workflow, &[&options.webhook])
            .await?;
        Ok(ShownTrigger {
            id: view.id,
            url: url(view.trigger.rotation),
            earlier: earlier.collect(),
            counts: view.counts,
            unusable: unusable.into_iter().flatten().collect(),
            trigger: view.trigger,
        })
    }
}

impl From<WriteError> for SetTriggerError {
    fn from(error: WriteError) -> Self {
        SetTriggerError::Unavailable(error.into())
    }
}
