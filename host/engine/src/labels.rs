//! The labels that a guest sets.
//!
//! When a run is rebuilt, its labels are neither compared nor set again. The guest nevertheless gets the same answers,
//! because a run never loses the key of a label: a key that was set then is among the labels with which the rebuilt run
//! begins. A key for which there was no room then is not among them, and there is still no room.

use std::mem;

use dormouse_journal::{Failure, Label, LabelError, Labels};

/// The labels of a run, as its guest changes them.
pub(crate) struct RunLabels {
    all: Labels,
    /// The labels that the open activation has set.
    set: Labels,
}

impl RunLabels {
    /// Creates the labels of a run that has these labels so far.
    pub(crate) fn new(all: Labels) -> Self {
        RunLabels {
            all,
            set: Labels::default(),
        }
    }

    /// Sets a label by its text. The label belongs to the open activation only if that activation is new.
    pub(crate) fn set(&mut self, text: &str, is_new: bool) -> Result<(), Failure> {
        let set = text
            .parse()
            .and_then(|label: Label| self.set_label(label, is_new));
        set.map_err(|error| error.failure(text))
    }

    fn set_label(&mut self, label: Label, is_new: bool) -> Result<(), LabelError> {
        if !is_new {
            // The run may have a later value of the label by now.
            return self.all.clone().set(label);
        }
        self.all.set(label.clone())?;
        self.set.set(label)
    }

    /// Restores the labels that an instance which is gone had set.
    pub(crate) fn restore(&mut self, set: Labels) {
        for label in set.iter() {
            // That instance had room for the label.
            let _ = self.all.set(label);
        }
        self.set = set;
    }

    /// Returns the labels that the activation has set, and removes them from this state.
    pub(crate) fn take(&mut self) -> Labels {
        mem::take(&mut self.set)
    }
}
