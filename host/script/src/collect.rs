//! Collects the modules of a workflow, by following the imports of its first file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use crate::bundle::{Bundle, Module};
use crate::error::ScriptError;
use crate::module::{Import, Read, is_of_package, read};
use crate::names::{ImportTarget, Names, unusable};
use crate::stub::Stubs;
use crate::substitute;

/// How many modules a workflow may have.
const MODULES: usize = 10_000;

/// How many bytes of source a workflow may have.
const BYTES: usize = 32 << 20;

/// The module by which programs keep values past `await`. The modules of a workflow that imports it are changed by `carry`,
/// since the engine does not keep the values.
const ASYNC_HOOKS: &str = "node:async_hooks";

/// The modules of Node that make servers.
const HTTP: [&str; 2] = ["node:http", "node:https"];

/// A workflow that was collected.
#[derive(Debug)]
pub struct Collected {
    /// The modules of the workflow.
    pub bundle: Bundle,
    /// The names in `process.env` that the author's own files read.
    pub variables: BTreeSet<String>,
    /// The file and the line where one of the author's own files starts a server. A server does nothing in a workflow.
    pub listens: Option<String>,
}

/// Collects a workflow, beginning with its first file.
///
/// # Errors
/// If a file cannot be read, cannot be parsed, or imports a module that does not exist.
pub fn collect(entry: &Path) -> Result<Collected, ScriptError> {
    let entry = entry
        .canonicalize()
        .map_err(|error| unreadable(entry, &error))?;
    let source = read_text(&entry)?;
    collect_from(&entry, &source)
}

/// Makes a bundle of one text, which imports no files.
///
/// # Errors
/// If the text cannot be parsed, or imports a module that does not exist.
pub fn collect_text(name: &str, source: &str) -> Result<Bundle, ScriptError> {
    // No folder has this name, so no import finds a file.
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

/// Returns the folder of the project: the nearest folder above the first file that has a `package.json`, or else the
/// folder of the first file. Ids are paths from this folder, since frameworks have many files of one name in different
/// folders.
fn project(entry: &Path) -> PathBuf {
    let folder = entry.parent().unwrap_or(entry);
    // A text that was uploaded has no folder.
    let mut folders = folder.ancestors().take_while(|_| folder.is_dir());
    let found = folders.find(|folder| folder.join("package.json").is_file());
    found.unwrap_or(folder).to_owned()
}

struct Collector {
    names: Names,
    /// The folder of the project. Ids are paths from this folder.
    root: PathBuf,
    modules: BTreeMap<String, Module>,
    left: VecDeque<PathBuf>,
    bytes: usize,
    stubs: Stubs,
    variables: BTreeSet<String>,
    /// The file and the line where an own file calls `listen` while it is loaded.
    listens: Option<String>,
    /// True if the modules are changed so that they keep values past `await`.
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

    /// Returns the id of the module that an import of a file means. None if the module does not exist and the import is not
    /// required.
    fn meant(
        &mut self,
        path: &Path,
        id: &str,
        import: Import,
    ) -> Result<Option<String>, ScriptError> {
        let is_own = !is_of_package(path);
        Ok(Some(
            match self.names.find(path, &import.name, import.by_require) {
                ImportTarget::Own(own) if is_own || import.by_require => own,
                ImportTarget::Own(own) => self.stubs.widened(own, &import.members),
                ImportTarget::Substitute(id) => {
                    substitute::add(id, &mut self.modules);
                    id.to_owned()
                }
                ImportTarget::File(file)
                    if is_own
                        && import.required
                        && is_of_package(&file)
                        && let Some(instead) = unusable(&import.name) =>
                {
                    let hint = format!(
                        "a workflow has no sockets, files and programs of a machine, which the package needs; {instead}"
                    );
                    return Err(import.unusable(id, hint));
                }
                ImportTarget::File(file) => {
                    let id = self.id(&file);
                    self.left.push_back(file);
                    id
                }
                ImportTarget::Empty => self.stubs.empty(),
                // Packages import modules that they never call in a workflow, so only an author's own import is an error.
                ImportTarget::Absent(_, instead) if is_own && import.required => {
                    let hint = format!("it is a module of Node, which is not available; {instead}");
                    return Err(import.not_found(id, hint));
                }
                ImportTarget::Absent(node, instead) if is_own && !import.by_require => {
                    self.stubs.imported(node, instead)
                }
                ImportTarget::Absent(node, instead) => {
                    self.stubs.absent(node, instead, import.members)
                }
                ImportTarget::Environment => {
                    if is_own && import.name.contains("/static/") {
                        self.variables.extend(import.members.iter().cloned());
                    }
                    self.stubs.environment(&import.name, import.members)
                }
                ImportTarget::Nothing(hint) if import.required => {
                    return Err(import.not_found(id, hint));
                }
                ImportTarget::Nothing(_) => return Ok(None),
            },
        ))
    }

    /// Returns the id of a file, which is also its name for people: its path from the project's folder.
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
