//! Texts that are put into a source at places that a parser found. No line changes its number by them.

/// Texts, each with the place that it is put at.
#[derive(Default)]
pub(crate) struct Edits {
    insertions: Vec<(usize, String)>,
}

impl Edits {
    /// Puts a text at a place. Of those at one place, the first that was put stands first.
    pub(crate) fn put(&mut self, offset: u32, text: impl Into<String>) {
        self.insertions.push((offset as usize, text.into()));
    }

    /// The source with the texts in it.
    pub(crate) fn apply(mut self, source: &str) -> String {
        self.insertions.sort_by_key(|(offset, _)| *offset);
        let mut edited = String::with_capacity(source.len());
        let mut done = 0;
        for (offset, text) in &self.insertions {
            edited += source.get(done..*offset).unwrap_or_default();
            edited += text;
            done = (*offset).max(done);
        }
        edited + source.get(done..).unwrap_or_default()
    }
}
