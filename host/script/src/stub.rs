//! Modules that stand for those that are not there, for packages that import more than they call.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::{Kind, Module};

/// The module that has nothing.
const EMPTY: &str = "(nothing)";

/// What stands for modules that are not there.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    has_empty: bool,
    /// What to use instead, and the names that were imported, of each module.
    absent: BTreeMap<String, (&'static str, BTreeSet<String>)>,
}

impl Stubs {
    /// The id of the module that has nothing.
    pub(crate) fn empty(&mut self) -> String {
        self.has_empty = true;
        EMPTY.to_owned()
    }

    /// The id of a module that refuses what is called of it, which has these members.
    pub(crate) fn absent(
        &mut self,
        name: String,
        instead: &'static str,
        members: Vec<String>,
    ) -> String {
        let absent = self.absent.entry(name.clone());
        let (_, known) = absent.or_insert((instead, BTreeSet::new()));
        known.extend(members);
        name
    }

    /// The modules.
    pub(crate) fn modules(self) -> impl Iterator<Item = (String, Module)> {
        let empty = self.has_empty.then(|| (EMPTY.to_owned(), String::new()));
        let absent = self.absent.into_iter().map(|(name, (instead, members))| {
            let source = refusing(&name, instead, &members);
            (name, source)
        });
        empty.into_iter().chain(absent).map(|(name, source)| {
            let module = Module {
                kind: Kind::Cjs,
                source,
                imports: BTreeMap::new(),
                lines: Vec::new(),
            };
            (name, module)
        })
    }
}

/// A CommonJS module whose every member is there, and throws when it is called.
fn refusing(name: &str, instead: &str, members: &BTreeSet<String>) -> String {
    let constants = [
        ("NAME", serde_json::json!(name)),
        ("INSTEAD", serde_json::json!(instead)),
        ("MEMBERS", serde_json::json!(members)),
    ];
    let constants = constants.map(|(name, value)| format!("const {name} = {value};\n"));
    constants.concat() + include_str!("stub.js")
}
