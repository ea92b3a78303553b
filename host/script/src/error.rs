//! The errors of the bundler.

use std::path::PathBuf;

use oxc_diagnostics::OxcDiagnostic;

/// Why no bundle can be made.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A file cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// The message of the operating system.
        reason: String,
    },
    /// A file cannot be parsed or compiled.
    #[error("{0}")]
    Syntax(String),
    /// An imported name means no module.
    #[error("{path}:{line}: {name:?} is not found: {hint}")]
    NotFound {
        /// The file that imports the name.
        path: String,
        /// The line of the import.
        line: usize,
        /// The name.
        name: String,
        /// What the author can do.
        hint: String,
    },
    /// A package is imported that cannot work in a workflow.
    #[error("{path}:{line}: {name:?} cannot be used: {hint}")]
    Unusable {
        /// The file that imports the package.
        path: String,
        /// The line of the import.
        line: usize,
        /// The name in the import.
        name: String,
        /// Why, and what the author can use instead.
        hint: String,
    },
    /// The workflow has too many modules or too much source.
    #[error(
        "the workflow has more than {limit} {what}; a package that is not needed may be the cause"
    )]
    TooLarge {
        /// The limit.
        limit: usize,
        /// The unit of the limit.
        what: &'static str,
    },
    /// The extension of a file's name is unknown.
    #[error("{} is not a TypeScript, JavaScript or JSON file: its name must end in one of .ts, .tsx, .mts, .cts, .js, .jsx, .mjs, .cjs, .json", .0.display())]
    Extension(PathBuf),
}

/// Makes one error of the errors of a parser, with the lines that they are about.
pub(crate) fn syntax(path: &str, source: &str, errors: &[OxcDiagnostic]) -> ScriptError {
    let written = Written { source, lines: &[] };
    written.syntax(path, source, errors)
}

/// A file as its author wrote it. The text that was parsed may have been compiled from it.
pub(crate) struct Written<'s> {
    pub(crate) source: &'s str,
    /// For each line that was parsed, the line of the file that it comes from. Empty if the file itself was parsed.
    pub(crate) lines: &'s [u32],
}

impl Written<'_> {
    /// Makes one error of the errors of a parser, with the lines of the file that they are about. A column in a
    /// compiled text means nothing to the author, so it is left out.
    pub(crate) fn syntax(&self, path: &str, parsed: &str, errors: &[OxcDiagnostic]) -> ScriptError {
        let told = errors.iter().take(5).map(|error| {
            let label = error.labels.as_ref().first();
            let offset = label.map_or(0, |label| label.offset());
            let (line, column, text) = place(parsed, offset as usize);
            let help = error.help.as_ref();
            let help = help.map(|help| format!("\n  {help}")).unwrap_or_default();
            if let Some(line) = self.lines.get(line - 1) {
                let text = self.source.lines().nth((*line as usize).saturating_sub(1));
                let text = text.unwrap_or_default();
                return format!("{path}:{line}: {}\n  {text}{help}", error.message);
            }
            let marked = " ".repeat(column.saturating_sub(1));
            format!(
                "{path}:{line}:{column}: {}\n  {text}\n  {marked}^{help}",
                error.message
            )
        });
        ScriptError::Syntax(told.collect::<Vec<_>>().join("\n"))
    }
}

/// Returns the line and the column of an offset, counted from 1, and the text of the line.
pub(crate) fn place(source: &str, offset: usize) -> (usize, usize, &str) {
    let before = source.get(..offset).unwrap_or(source);
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    let text = source
        .get(begin..)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default();
    (line, before.len() - begin + 1, text)
}
