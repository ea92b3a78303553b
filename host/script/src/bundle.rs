//! The bundle of a workflow, and its form as an upload.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The beginning of the JSON of a bundle, by which an upload is recognised as one.
const BEGINNING: &str = "{\"dormouse-script\":1,";

/// The text of one file as an upload. The bundle is made of it where it is compiled, since to parse foreign code takes time
/// and memory, as to compile it does.
#[derive(Serialize, Deserialize)]
struct Text<'t> {
    #[serde(rename = "dormouse-script")]
    format: u32,
    source: std::borrow::Cow<'t, str>,
}

/// Returns an upload with the text of one file, which imports no other files.
#[must_use]
pub fn upload_text(source: &str) -> Vec<u8> {
    let text = Text {
        format: 1,
        source: source.into(),
    };
    // A text can always be written as JSON.
    serde_json::to_vec(&text).unwrap_or_default()
}

/// Returns the text of the file if an upload is one of [`upload_text`], and none otherwise.
#[must_use]
pub fn uploaded_text(upload: &[u8]) -> Option<String> {
    let begins = upload.starts_with(format!("{BEGINNING}\"source\":").as_bytes());
    let text: Text<'_> = begins.then(|| serde_json::from_slice(upload).ok())??;
    Some(text.source.into_owned())
}

/// The modules of a workflow, and its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The version of this format.
    #[serde(rename = "dormouse-script")]
    format: u32,
    /// The id of the module that is evaluated.
    pub entry: String,
    /// Each module by its id. The id of a file is its path from the project's folder.
    pub modules: BTreeMap<String, Module>,
    /// The variables in `process.env`, except for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Names in `process.env` that stand for secrets of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// One module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// How the module is evaluated.
    pub kind: Kind,
    /// The source, in JavaScript or JSON.
    pub source: String,
    /// For each name that the module imports, the id of the module that the name means.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, String>,
    /// For each line of `source`, the line of the file that it comes from, counted from 1, or 0 if it comes from none. Empty
    /// if `source` has the same lines as the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
}

/// How a module is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// As an ES module, with `import` and `export`.
    Esm,
    /// As a CommonJS module, with `require` and `exports`.
    Cjs,
    /// As data in JSON.
    Json,
}

impl Bundle {
    /// Returns a bundle of these modules, with an empty environment.
    #[must_use]
    pub fn new(entry: String, modules: BTreeMap<String, Module>) -> Self {
        Bundle {
            format: 1,
            entry,
            modules,
            env: BTreeMap::new(),
            secrets: Vec::new(),
        }
    }

    /// Returns the bundle as it is uploaded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Texts, numbers and maps of texts can always be written as JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
