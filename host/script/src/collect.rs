//! Follows imports from the first file on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, Module};
use crate::error::ScriptError;
use crate::module::{Read, is_of_package, read};
use crate::names::{Meant, Names};
use crate::stub::Stubs;

/// How many modules a workflow may have.
const MODULES: usize = 10_000;

/// How many bytes they may have together.
const BYTES: usize = 32 << 20;

/// The module that values are kept in which go along with what is begun. The engine does not take them past `await`, so that
/// a program with it has more written where it waits.
const ASYNC_HOOKS: &str = "node:async_hooks";

/// A workflow that was collected.
#[derive(Debug)]
pub struct Collected {
    /// Its modules.
    pub bundle: Bundle,
    /// The names in `process.env` that its author's own files read.
    pub variables: BTreeSet<String>,
}

/// Collects a workflow, beginning with a file.
///
/// # Errors
/// When a file cannot be read, is no program, or imports what is not there.
pub fn collect(entry: &Path) -> Result<Collected, ScriptError> {
    let entry = entry
        .canonicalize()
        .map_err(|error| unreadable(entry, &error))?;
    let source = read_text(&entry)?;
    collect_from(&entry, &source)
}

/// Makes a workflow of one text, which imports no files.
///
/// # Errors
/// When it is no program, or imports what is not there.
pub fn collect_text(name: &str, source: &str) -> Result<Bundle, ScriptError> {
    // No folder has this name, so that nothing is found.
    let entry = Path::new("/\0").join(name);
    Ok(collect_from(&entry, source)?.bundle)
}

fn collect_from(entry: &Path, source: &str) -> Result<Collected, ScriptError> {
    let collected = Collector::new(entry, false).collect(entry, source)?;
    let mut imports = collected
        .bundle
        .modules
        .values()
        .flat_map(|module| module.imports.values());
    if imports.any(|import| import == ASYNC_HOOKS) {
        return Collector::new(entry, true).collect(entry, source);
    }
    Ok(collected)
}

struct Collector {
    names: Names,
    /// The folder that ids begin from.
    root: PathBuf,
    modules: BTreeMap<String, Module>,
    left: VecDeque<PathBuf>,
    bytes: usize,
    stubs: Stubs,
    variables: BTreeSet<String>,
    /// Whether values go along past `await`.
    carries: bool,
}

impl Collector {
    fn new(entry: &Path, carries: bool) -> Self {
        Collector {
            names: Names::new(),
            root: entry.parent().unwrap_or(entry).to_owned(),
            modules: BTreeMap::new(),
            left: VecDeque::new(),
            bytes: 0,
            stubs: Stubs::default(),
            variables: BTreeSet::new(),
            carries,
        }
    }

    fn collect(mut self, entry: &Path, source: &str) -> Result<Collected, ScriptError> {
        let id = self.id(entry);
        self.add(entry, source)?;
        while let Some(path) = self.left.pop_front() {
            if !self.modules.contains_key(&self.id(&path)) {
                let source = read_text(&path)?;
                self.add(&path, &source)?;
            }
        }
        self.modules.extend(self.stubs.modules());
        Ok(Collected {
            bundle: Bundle::new(id, self.modules),
            variables: self.variables,
        })
    }

    fn add(&mut self, path: &Path, source: &str) -> Result<(), ScriptError> {
        let id = self.id(path);
        self.bytes += source.len();
        if self.bytes > BYTES {
            return Err(ScriptError::TooLarge {
                limit: BYTES,
                what: "bytes of source",
            });
        }
        let Read {
            mut module,
            imports,
            variables,
        } = read(path, &id, source, self.names.dialect(path), self.carries)?;
        if !is_of_package(path) {
            self.variables.extend(variables);
        }
        for import in imports {
            let meant = match self.names.find(path, &import.name, import.by_require) {
                Meant::Own(own) => own,
                Meant::File(file) => {
                    let id = self.id(&file);
                    self.left.push_back(file);
                    id
                }
                Meant::Empty => self.stubs.empty(),
                Meant::Absent(node, instead) => self.stubs.absent(node, instead, import.members),
                Meant::Nothing(hint) if import.required => {
                    return Err(ScriptError::NotFound {
                        path: id,
                        line: import.line,
                        name: import.name,
                        hint,
                    });
                }
                Meant::Nothing(_) => continue,
            };
            module.imports.insert(import.name, meant);
        }
        self.modules.insert(id, module);
        if self.modules.len() > MODULES {
            return Err(ScriptError::TooLarge {
                limit: MODULES,
                what: "modules",
            });
        }
        Ok(())
    }

    /// A file's name for people: from the first file's folder, or from the last folder `node_modules` above it.
    fn id(&self, path: &Path) -> String {
        if let Ok(inner) = path.strip_prefix(&self.root) {
            return inner.to_string_lossy().into_owned();
        }
        let mut up = String::new();
        for folder in self.root.ancestors().skip(1) {
            up += "../";
            if let Ok(inner) = path.strip_prefix(folder) {
                return format!("{up}{}", inner.to_string_lossy());
            }
        }
        path.to_string_lossy().into_owned()
    }
}

fn read_text(path: &Path) -> Result<String, ScriptError> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> ScriptError {
    ScriptError::Unreadable {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}
