//! Sets triggers, and rotates, pauses, resumes and deletes them.

use dormouse_journal::{Time, TriggerId, TriggerOptions};

use super::{SMALL_ROW, Transaction, Write};
use crate::ReadError;
use crate::rows::Extent;
use crate::tables::triggers::{self, EarlierUrl, Named, Trigger};
use crate::tables::workflows;

/// The largest number of earlier URLs of a trigger that are valid at once.
pub const EARLIER_URLS: usize = 8;

/// The most that the rows of a trigger take: the API allows 256 KiB for its settings.
const TRIGGER: Extent = Extent {
    rows: 3,
    bytes: (256 << 10) + 2 * SMALL_ROW,
};

/// Sets a trigger. If there is one of this name, it is changed and keeps its URL.
#[derive(Debug, Clone)]
pub struct SetTrigger {
    /// The name of the trigger.
    pub name: String,
    /// The id that the trigger gets if there is none of this name.
    pub id: TriggerId,
    /// What the trigger does with a request.
    pub options: TriggerOptions,
}

/// The result of setting a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TriggerSet {
    /// There was no trigger of this name.
    Created,
    /// The trigger of this name was changed.
    Changed,
    /// There is no such workflow, or it was deleted.
    UnknownWorkflow,
    /// The workflow has no such version.
    UnknownVersion,
}

impl Transaction for SetTrigger {
    type Output = TriggerSet;

    fn cost(&self) -> Extent {
        TRIGGER
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<TriggerSet, ReadError> {
        let (rows, now) = (&mut write.rows, write.now);
        let options = &self.options;
        let workflow = workflows::TABLE.get(rows, options.workflow.as_str())?;
        let Some(workflow) = workflow.filter(|workflow| !workflow.deleted) else {
            return Ok(TriggerSet::UnknownWorkflow);
        };
        let has = |version| workflow.versions.iter().any(|known| known.id == version);
        if options.version.is_some_and(|version| !has(version)) {
            return Ok(TriggerSet::UnknownVersion);
        }
        let known = triggers::NAMES.get(rows, self.name.as_str())?;
        let before = match known {
            Some(Named(id)) => triggers::TABLE.get(rows, id)?.map(|trigger| (id, trigger)),
            None => None,
        };
        if let Some((id, mut trigger)) = before {
            trigger.options = options.clone();
            trigger.updated = now;
            triggers::TABLE.put(rows, id, &trigger)?;
            return Ok(TriggerSet::Changed);
        }
        let trigger = Trigger {
            name: self.name.clone(),
            options: options.clone(),
            rotation: 0,
            earlier: Vec::new(),
            paused: false,
            created: now,
            updated: now,
        };
        triggers::NAMES.put(rows, self.name.as_str(), &Named(self.id))?;
        triggers::TABLE.put(rows, self.id, &trigger)?;
        Ok(TriggerSet::Created)
    }
}

/// An action on a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerAction {
    /// The trigger gets another URL. Its present URLs stay valid for some time, or until they would expire
    /// anyway.
    Rotate {
        /// How long the present URL stays valid, in milliseconds.
        keep_old: u64,
    },
    /// The trigger takes no requests until it is resumed.
    Pause,
    /// The trigger takes requests again.
    Resume,
    /// The trigger is deleted. Its URLs are invalid from now on.
    Delete,
}

/// The result of an action on a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggerActed {
    /// The action is done.
    Done,
    /// The trigger has the largest number of valid earlier URLs, so it cannot get another.
    TooManyUrls,
    /// There is no trigger of this name.
    Unknown,
}

/// Applies an action to a trigger.
pub(crate) struct ActOnTrigger {
    pub(crate) name: String,
    pub(crate) action: TriggerAction,
}

impl Transaction for ActOnTrigger {
    type Output = TriggerActed;

    fn is_housekeeping(&self) -> bool {
        matches!(self.action, TriggerAction::Pause | TriggerAction::Delete)
    }

    fn cost(&self) -> Extent {
        TRIGGER
    }

    fn apply(&self, write: &mut Write<'_>) -> Result<TriggerActed, ReadError> {
        let (rows, now) = (&mut write.rows, write.now);
        let name = self.name.as_str();
        let Some(Named(id)) = triggers::NAMES.get(rows, name)? else {
            return Ok(TriggerActed::Unknown);
        };
        let Some(mut trigger) = triggers::TABLE.get(rows, id)? else {
            return Ok(TriggerActed::Unknown);
        };
        match self.action {
            TriggerAction::Delete => {
                // The keys of its requests are removed when they expire, and the keys of its runs when
                // these end.
                triggers::NAMES.remove(rows, name)?;
                triggers::COUNTS.remove(rows, id)?;
                triggers::TABLE.remove(rows, id)?;
                return Ok(TriggerActed::Done);
            }
            TriggerAction::Pause => trigger.paused = true,
            TriggerAction::Resume => trigger.paused = false,
            TriggerAction::Rotate { keep_old } => {
                if !rotate(&mut trigger, now, keep_old) {
                    return Ok(TriggerActed::TooManyUrls);
                }
            }
        }
        triggers::TABLE.put(rows, id, &trigger)?;
        Ok(TriggerActed::Done)
    }
}

/// Gives a trigger another URL. Returns false if too many earlier URLs would be valid.
fn rotate(trigger: &mut Trigger, now: Time, keep_old: u64) -> bool {
    let latest = now.after(keep_old);
    let mut earlier = trigger.earlier.clone();
    for url in &mut earlier {
        url.until = url.until.min(latest);
    }
    earlier.push(EarlierUrl {
        rotation: trigger.rotation,
        until: latest,
    });
    earlier.retain(|url| url.is_valid(now));
    if earlier.len() > EARLIER_URLS {
        return false;
    }
    trigger.earlier = earlier;
    trigger.rotation = trigger.rotation.saturating_add(1);
    true
}
