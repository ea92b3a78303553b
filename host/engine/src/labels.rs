//! The labels that a guest sets.
//!
//! A label is not compared when a run is rebuilt, and not set again. What the guest is told is the same all the same: a run
//! never loses a key, so a key that was set then is among the labels that the rebuilt run begins with, and one for which
//! there was no room is not, and still has none.

use std::mem;

use dormouse_journal::{Failure, Label, LabelError, Labels};

/// The labels of a run, as its guest changes them.
pub(crate) struct RunLabels {
    all: Labels,
    /// Those that the open activation has set.
    set: Labels,
}

impl RunLabels {
    /// Returns the labels of a run that has these so far.
    pub(crate) fn new(all: Labels) -> Self {
        RunLabels {
            all,
            set: Labels::default(),
        }
    }

    /// Sets a label by its text. It is one of the open activation only if that is new.
    pub(crate) fn set(&mut self, text: &str, is_new: bool) -> Result<(), Failure> {
        let set = text
            .parse()
            .and_then(|label: Label| self.set_label(label, is_new));
        set.map_err(|error| error.failure(text))
    }

    fn set_label(&mut self, label: Label, is_new: bool) -> Result<(), LabelError> {
        if !is_new {
            // The run has a later value of it by now.
            return self.all.clone().set(label);
        }
        self.all.set(label.clone())?;
        self.set.set(label)
    }

    /// Restores what an instance that is gone has set.
    pub(crate) fn restore(&mut self, set: Labels) {
        for label in set.iter() {
            // There was room for it in that instance.
            let _ = self.all.set(label);
        }
        self.set = set;
    }

    /// Returns what the activation has set, and leaves nothing of it here.
    pub(crate) fn take(&mut self) -> Labels {
        mem::take(&mut self.set)
    }
}
