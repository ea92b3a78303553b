//! The modules of one crate, and the meanings of paths in them.

use std::collections::BTreeMap;

use super::arrows::Arrows;
use super::source::{Import, Source};

/// The text of each source file of a crate, by the file's path.
pub(crate) type Files = BTreeMap<String, String>;

/// All modules of a crate. The first is the root.
pub(crate) struct Modules(Vec<Module>);

struct Module {
    file: String,
    /// The folder in which `mod name;` looks for `name.rs`, with a slash at its end.
    folder: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    source: Source,
}

/// The meaning of a path.
enum Meaning {
    /// A module.
    Module(usize),
    /// An item of this name, in the module that defines it.
    Item { module: usize, name: String },
    /// An item of another crate.
    Foreign,
}

/// How many imports are followed from one to the next before a name counts as unknown. This is how names of other
/// crates end: `use http::{self}` says of `http` that it is `http`.
const LONGEST_CHAIN: usize = 16;

impl Modules {
    /// Reads the crate whose root is this file.
    ///
    /// # Panics
    /// If a file cannot be parsed, or a module has no file.
    pub(crate) fn read(files: &Files, root: &str) -> Self {
        let mut modules = Modules(Vec::new());
        let source = parsed(files, root);
        let folder = root.rfind('/').map_or("", |slash| &root[..=slash]);
        modules.add(files, (root.to_owned(), folder.to_owned()), None, source);
        modules
    }

    fn add(
        &mut self,
        files: &Files,
        (file, folder): (String, String),
        parent: Option<usize>,
        mut source: Source,
    ) -> usize {
        let at = self.0.len();
        let inline = std::mem::take(&mut source.inline);
        let declared = std::mem::take(&mut source.declared);
        self.0.push(Module {
            file: file.clone(),
            folder: folder.clone(),
            parent,
            children: BTreeMap::new(),
            source,
        });
        for (name, source) in inline {
            let place = (file.clone(), format!("{folder}{name}/"));
            let child = self.add(files, place, Some(at), source);
            self.0[at].children.insert(name, child);
        }
        for name in declared {
            let folder = format!("{}{name}/", self.0[at].folder);
            let candidates = [
                format!("{}{name}.rs", self.0[at].folder),
                format!("{folder}mod.rs"),
            ];
            let found = candidates.into_iter().find(|file| files.contains_key(file));
            let child_file =
                found.unwrap_or_else(|| panic!("{file}: the module {name} has no file"));
            let source = parsed(files, &child_file);
            let child = self.add(files, (child_file, folder), Some(at), source);
            self.0[at].children.insert(name, child);
        }
        at
    }

    /// Returns an arrow from each file to each file of the crate whose items it uses.
    ///
    /// An arrow leads to the file that defines an item, also through re-exports. A file does not use the items that
    /// its own child modules define and that it re-exports.
    pub(crate) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::default();
        for (at, module) in self.0.iter().enumerate() {
            let mut add = |target: usize, name: &str| {
                arrows.add(&module.file, &self.0[target].file, name);
            };
            for import in &module.source.imports {
                let (target, name) = match self.meaning(at, &import.path, 0) {
                    Some(Meaning::Item { module, name }) => (module, name),
                    Some(Meaning::Module(target)) if self.is_opened(target, import) => {
                        (target, "*".into())
                    }
                    _ => continue,
                };
                if !import.reexported || !self.is_within(target, at) {
                    add(target, &name);
                }
            }
            for path in &module.source.named {
                if let Some(Meaning::Item { module, name }) = self.meaning(at, path, 0) {
                    add(module, &name);
                }
            }
        }
        arrows
    }

    /// Returns true if an import of this module also brings in names that the module itself defines.
    fn is_opened(&self, module: usize, import: &Import) -> bool {
        import.name.is_none() && !self.0[module].source.defined.is_empty()
    }

    /// Returns true if a module is in the file of another module, or in the file of a module that the other module's
    /// file declares.
    fn is_within(&self, module: usize, other: usize) -> bool {
        let parent = |at: &usize| self.0[*at].parent;
        let file = &self.0[other].file;
        std::iter::successors(Some(module), parent).any(|at| self.0[at].file == *file)
    }

    /// Returns the meaning of a path in a module, or `None` if the first name of the path is not of this crate.
    fn meaning(&self, at: usize, path: &[String], chain: usize) -> Option<Meaning> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Meaning::Module(0),
            "self" => Meaning::Module(at),
            "super" => Meaning::Module(self.0[at].parent?),
            name => self.lookup(at, name, rest.is_empty(), chain)?,
        };
        let mut meaning = start;
        for (index, segment) in rest.iter().enumerate() {
            let Meaning::Module(module) = meaning else {
                break;
            };
            meaning = if segment == "super" {
                Meaning::Module(self.0[module].parent?)
            } else {
                let is_last = index + 1 == rest.len();
                // A name that is not found is made by a macro of that module.
                self.lookup(module, segment, is_last, chain)
                    .unwrap_or_else(|| Meaning::Item {
                        module,
                        name: rest[index..].join("::"),
                    })
            };
        }
        Some(meaning)
    }

    /// Returns the meaning of a name in a module. A name can mean an item and a module at once. The last name of a
    /// path is taken as an item, and any other as a module.
    fn lookup(&self, at: usize, name: &str, is_last: bool, chain: usize) -> Option<Meaning> {
        if chain == LONGEST_CHAIN {
            return None;
        }
        let module = &self.0[at];
        let child = || module.children.get(name).copied().map(Meaning::Module);
        let item = || {
            let defined = module.source.defined.contains(name);
            defined.then(|| Meaning::Item {
                module: at,
                name: name.to_owned(),
            })
        };
        let imported = || {
            let mut imports = module.source.imports.iter();
            let import = imports.find(|import| import.name.as_deref() == Some(name))?;
            let meaning = self.meaning(at, &import.path, chain + 1);
            Some(meaning.unwrap_or(Meaning::Foreign))
        };
        let found = if is_last {
            item().or_else(imported).or_else(child)
        } else {
            child().or_else(imported).or_else(item)
        };
        found.or_else(|| self.lookup_in_globs(at, name, is_last, chain))
    }

    fn lookup_in_globs(
        &self,
        at: usize,
        name: &str,
        is_last: bool,
        chain: usize,
    ) -> Option<Meaning> {
        let imports = self.0[at].source.imports.iter();
        let mut globs = imports.filter(|import| import.name.is_none());
        globs.find_map(|glob| match self.meaning(at, &glob.path, chain + 1)? {
            Meaning::Module(module) => self.lookup(module, name, is_last, chain + 1),
            Meaning::Item { .. } | Meaning::Foreign => None,
        })
    }
}

fn parsed(files: &Files, file: &str) -> Source {
    Source::read(&files[file]).unwrap_or_else(|error| panic!("{file}: {error}"))
}
