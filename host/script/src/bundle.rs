//! What a bundle is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How the JSON of a bundle begins, by which an upload is known as one.
const BEGINNING: &str = "{\"dormouse-script\":1,";

/// The text of one file as an upload, which is bundled where it is compiled: reading foreign code takes time and memory, as
/// compiling does.
#[derive(Serialize, Deserialize)]
struct Text<'t> {
    #[serde(rename = "dormouse-script")]
    format: u32,
    source: std::borrow::Cow<'t, str>,
}

/// Makes an upload of the text of one file, which imports no others.
#[must_use]
pub fn upload_text(source: &str) -> Vec<u8> {
    let text = Text {
        format: 1,
        source: source.into(),
    };
    // A text is always JSON.
    serde_json::to_vec(&text).unwrap_or_default()
}

/// The text of the one file that an upload is, if it is one.
#[must_use]
pub fn uploaded_text(upload: &[u8]) -> Option<String> {
    let begins = upload.starts_with(format!("{BEGINNING}\"source\":").as_bytes());
    let text: Text<'_> = begins.then(|| serde_json::from_slice(upload).ok())??;
    Some(text.source.into_owned())
}

/// A workflow's modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// The version of this format.
    #[serde(rename = "dormouse-script")]
    format: u32,
    /// The module that is evaluated.
    pub entry: String,
    /// Each module by its id: the file's path, from the folder that holds them all.
    pub modules: BTreeMap<String, Module>,
    /// What `process.env` holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Names in `process.env` that stand for secrets of the host.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// One module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// How it is evaluated.
    pub kind: Kind,
    /// JavaScript, or JSON.
    pub source: String,
    /// The modules that the names in it mean.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, String>,
    /// For each line of `source`, the line of the file that it comes from, counted from 1; 0 where it comes from none. Empty
    /// if the lines are the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<u32>,
}

/// How a module is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// With `import` and `export`.
    Esm,
    /// With `require` and `exports`.
    Cjs,
    /// Data.
    Json,
}

impl Bundle {
    /// A bundle of these modules.
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

    /// The bundle as it is uploaded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Texts, numbers and maps of texts are always JSON.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
