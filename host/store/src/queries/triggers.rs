//! Reads of triggers.

use std::ops::Bound;

use dormouse_journal::TriggerId;

use super::View;
use crate::ReadError;
use crate::rows::Rows;
use crate::rows::table::between;
use crate::rules::{RememberedKey, Repeat, TriggerFired, TriggerRefused};
use crate::tables::triggers::{self, Named};
use crate::tables::{trigger_requests, workflows};
use crate::views::{TriggerCalled, TriggerView};

impl<R: Rows> View<R> {
    /// Returns the data that decides whether a request to a trigger is accepted. None if the trigger
    /// was deleted.
    pub(crate) fn called(&self, id: TriggerId) -> Result<Option<TriggerCalled>, ReadError> {
        let Some(trigger) = triggers::TABLE.get(&self.0, id)? else {
            return Ok(None);
        };
        let workflow = trigger.options.workflow.as_str();
        let workflow = workflows::TABLE.get(&self.0, workflow)?;
        let signature = trigger.options.webhook.signature.iter();
        let names = signature.flat_map(|signature| &signature.secrets);
        let secrets = self.named_secrets(names.map(String::as_str))?;
        Ok(Some(TriggerCalled {
            has_workflow: workflow.is_some_and(|workflow| !workflow.deleted),
            trigger,
            secrets,
        }))
    }

    /// Returns the trigger of this name.
    pub(crate) fn trigger(&self, name: &str) -> Result<Option<TriggerView>, ReadError> {
        let named = triggers::NAMES.get(&self.0, name)?;
        named.map_or(Ok(None), |named| self.trigger_of(named))
    }

    /// Returns at most this many triggers in the order of their names, after the name given.
    pub(crate) fn triggers(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<TriggerView>, ReadError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = (start, Bound::<&str>::Unbounded);
        let mut views = Vec::new();
        for (_, named) in triggers::NAMES.list(&self.0, range, limit)? {
            views.extend(self.trigger_of(named)?);
        }
        Ok(views)
    }

    fn trigger_of(&self, Named(id): Named) -> Result<Option<TriggerView>, ReadError> {
        let Some(trigger) = triggers::TABLE.get(&self.0, id)? else {
            return Ok(None);
        };
        let counts = triggers::COUNTS.get(&self.0, id)?.unwrap_or_default();
        Ok(Some(TriggerView {
            id,
            trigger,
            counts,
        }))
    }

    /// Returns true if a request to this trigger is remembered by this key, or, if no key is given, by
    /// any key.
    pub(crate) fn trigger_remembers(
        &self,
        id: TriggerId,
        key: Option<[u8; 32]>,
    ) -> Result<bool, ReadError> {
        let table = &trigger_requests::TABLE;
        match key {
            Some(key) => table.has(&self.0, (id, key)),
            None => {
                let all = between((id, [0; 32]), (id, [u8::MAX; 32]));
                Ok(!table.keys(&self.0, all, false, 1)?.is_empty())
            }
        }
    }

    /// Returns the answer to a request to a trigger that repeats another. None if it repeats no other.
    pub(crate) fn trigger_repeat(
        &self,
        id: TriggerId,
        key: RememberedKey,
    ) -> Result<Option<TriggerFired>, ReadError> {
        let first = key.first_of_trigger(&self.0, id)?;
        Ok(first.and_then(|first| match key.repeats(&first.body) {
            Repeat::Same => Some(TriggerFired::Repeat(first.run)),
            Repeat::Misused => Some(TriggerFired::Refused(TriggerRefused::OtherBody)),
            Repeat::Other => None,
        }))
    }
}
