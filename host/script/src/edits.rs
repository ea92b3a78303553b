//! Puts texts into a source, at offsets that a parser found. The texts contain no ends of lines, so the lines of the
//! source keep their numbers.

/// Texts to put into a source, each with its offset in bytes.
#[derive(Default)]
pub(crate) struct Edits {
    insertions: Vec<(usize, String)>,
}

impl Edits {
    /// Puts a text at an offset. Texts at the same offset keep the order in which they were put.
    pub(crate) fn put(&mut self, offset: u32, text: impl Into<String>) {
        self.insertions.push((offset as usize, text.into()));
    }

    /// Returns the source with the texts in it.
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
