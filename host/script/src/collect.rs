//! Follows imports from the first file on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, Module};
use crate::error::ScriptError;
use crate::module::{Import, Read, is_of_package, read};
use crate::names::{Meant, Names};
use crate::stub::Stubs;

/// How many modules a workflow may have.
const MODULES: usize = 10_000;

/// How many bytes they may have together.
const BYTES: usize = 32 << 20;

/// The module that values are kept in which go along with what is begun. The engine does not take them past `await`, so that
/// a program with it has more written where it waits.
const ASYNC_HOOKS: &str = "node:async_hooks";

/// The modules of Node that servers are made by.
const HTTP: [&str; 2] = ["node:http", "node:https"];

/// A workflow that was collected.
#[derive(Debug)]
pub struct Collected {
    /// Its modules.
    pub bundle: Bundle,
    /// The names in `process.env` that its author's own files read.
    pub variables: BTreeSet<String>,
    /// Where one of them starts a server, which does nothing: the file and the line.
    pub listens: Option<String>,
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

/// The folder of a project, which ids begin from: the nearest one that has a `package.json`, or that of the first file. Files of
/// one name, as frameworks have many, are told apart by what comes before it.
fn project(entry: &Path) -> PathBuf {
    let folder = entry.parent().unwrap_or(entry);
    // A text that was uploaded has none.
    let mut folders = folder.ancestors().take_while(|_| folder.is_dir());
    let found = folders.find(|folder| folder.join("package.json").is_file());
    found.unwrap_or(folder).to_owned()
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
    /// Where an own file calls `listen` when it is loaded.
    listens: Option<String>,
    /// Whether values go along past `await`.
    carries: bool,
}

impl Collector {
    fn new(entry: &Path, carries: bool) -> Self {
        Collector {
            names: Names::new(),
            root: project(entry),
            modules: BTreeMap::new(),
            left: VecDeque::new(),
            bytes: 0,
            stubs: Stubs::default(),
            variables: BTreeSet::new(),
            listens: None,
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
        let has_server = HTTP.iter().any(|name| self.modules.contains_key(*name));
        Ok(Collected {
            listens: self.listens.filter(|_| has_server),
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
            listens,
        } = read(path, &id, source, &self.names.dialect(path), self.carries)?;
        let is_own = !is_of_package(path);
        if is_own {
            self.variables.extend(variables);
            let listens = listens.map(|line| format!("{id}:{line}"));
            self.listens = self.listens.take().or(listens);
        }
        for import in imports {
            let name = import.name.clone();
            if let Some(meant) = self.meant(path, &id, import)? {
                module.imports.insert(name, meant);
            }
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

    /// The id of the module that an import of a file means. None for one that is not there, and that need not be.
    fn meant(
        &mut self,
        path: &Path,
        id: &str,
        import: Import,
    ) -> Result<Option<String>, ScriptError> {
        let is_own = !is_of_package(path);
        Ok(Some(
            match self.names.find(path, &import.name, import.by_require) {
                Meant::Own(own) => own,
                Meant::File(file) => {
                    let id = self.id(&file);
                    self.left.push_back(file);
                    id
                }
                Meant::Empty => self.stubs.empty(),
                // A package imports much that it never calls here. An author's own import is meant.
                Meant::Absent(_, instead) if is_own && import.required => {
                    let hint = format!("it is a module of Node, which is not there; {instead}");
                    return Err(import.not_found(id, hint));
                }
                Meant::Absent(node, instead) if is_own && !import.by_require => {
                    self.stubs.imported(node, instead)
                }
                Meant::Absent(node, instead) => self.stubs.absent(node, instead, import.members),
                Meant::Environment => {
                    if is_own && import.name.contains("/static/") {
                        self.variables.extend(import.members.iter().cloned());
                    }
                    self.stubs.environment(&import.name, import.members)
                }
                Meant::Nothing(hint) if import.required => {
                    return Err(import.not_found(id, hint));
                }
                Meant::Nothing(_) => return Ok(None),
            },
        ))
    }

    /// A file's name for people: from the project's folder.
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
