//! Makes stubs: modules in the place of those that the runtime does not have, for packages that import more than they call.

use std::collections::{BTreeMap, BTreeSet};

use crate::bundle::{Kind, Module};
use crate::provided::lacking;

/// The id of the empty module.
const EMPTY: &str = "(nothing)";

/// The stubs of a workflow.
#[derive(Debug, Default)]
pub(crate) struct Stubs {
    has_empty: bool,
    /// For each module that throws when it is used: what to use instead, and the names that were imported from it.
    absent: BTreeMap<String, (&'static str, BTreeSet<String>)>,
    /// For each stub that throws when it is imported, by the stub's id: the module's name, and what to use instead.
    imported: BTreeMap<String, (String, &'static str)>,
    /// For each module of the runtime: the names that packages import from it and that it does not export.
    wider: BTreeMap<String, BTreeSet<String>>,
    /// For each module of SvelteKit's environment: the variables that were imported from it.
    environments: BTreeMap<String, BTreeSet<String>>,
}

impl Stubs {
    /// Adds the empty module, and returns its id.
    pub(crate) fn empty(&mut self) -> String {
        self.has_empty = true;
        EMPTY.to_owned()
    }

    /// Adds a module with these members that throws when a member is called, and returns its id.
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

    /// Returns the id of a module of the runtime with these members. If it lacks some of them, a module is added that has
    /// them too, and that throws when one of these is called.
    pub(crate) fn widened(&mut self, own: String, members: &[String]) -> String {
        let lacking = lacking(&own, members);
        if lacking.is_empty() {
            return own;
        }
        let id = wider_id(&own);
        self.wider.entry(own).or_default().extend(lacking);
        id
    }

    /// Adds a module that throws when it is imported, and returns its id.
    pub(crate) fn imported(&mut self, name: String, instead: &'static str) -> String {
        let id = format!("{name} by import()");
        self.imported.insert(id.clone(), (name, instead));
        id
    }

    /// Adds a module with these variables of the environment, and returns its id.
    pub(crate) fn environment(&mut self, name: &str, members: Vec<String>) -> String {
        let known = self.environments.entry(name.to_owned()).or_default();
        known.extend(members);
        name.to_owned()
    }

    /// Returns all modules that were added, by their ids.
    pub(crate) fn modules(self) -> impl Iterator<Item = (String, Module)> {
        let empty = self.has_empty.then(|| (EMPTY.to_owned(), String::new()));
        let imported = self.imported.into_iter().map(|(id, (name, instead))| {
            let message =
                format!("{name} was imported, a module of Node that is not available; {instead}");
            let message = serde_json::json!(message);
            let source =
                format!("throw Object.assign(new Error({message}), {{ code: 'node-module' }});");
            (id, source)
        });
        let environments = self.environments.into_iter().map(|(name, members)| {
            let source = if name.contains("/dynamic/") {
                "exports.env = process.env;".to_owned()
            } else {
                let copy = |member| format!("exports[{member:?}] = process.env[{member:?}];");
                members.iter().map(copy).collect()
            };
            (name, source)
        });
        let absent = self.absent.into_iter().map(|(name, (instead, members))| {
            let source = refusing(&name, instead, &members);
            (name, source)
        });
        let all = empty
            .into_iter()
            .chain(absent)
            .chain(imported)
            .chain(environments);
        let all = all.map(|(name, source)| {
            let module = Module {
                kind: Kind::Cjs,
                source,
                imports: BTreeMap::new(),
                lines: Vec::new(),
            };
            (name, module)
        });
        let wider = self.wider.into_iter().map(|(own, members)| {
            let module = Module {
                kind: Kind::Esm,
                source: widening(&own, &members),
                imports: BTreeMap::from([(own.clone(), own.clone())]),
                lines: Vec::new(),
            };
            (wider_id(&own), module)
        });
        all.chain(wider)
    }
}

/// Returns the source of a CommonJS module that has every member, and whose members throw when they are called.
fn refusing(name: &str, instead: &str, members: &BTreeSet<String>) -> String {
    let constants = [
        ("NAME", serde_json::json!(name)),
        ("INSTEAD", serde_json::json!(instead)),
        ("MEMBERS", serde_json::json!(members)),
    ];
    let constants = constants.map(|(name, value)| format!("const {name} = {value};\n"));
    let real = match name {
        "node:http" | "node:https" => include_str!("stub_http.js"),
        "node:diagnostics_channel" => include_str!("stub_channels.js"),
        _ => "const REAL = {};\n",
    };
    constants.concat() + real + include_str!("stub.js")
}

fn wider_id(own: &str) -> String {
    format!("{own} with more")
}

/// Returns the source of an ES module that exports what a module of the runtime exports, and these members, which throw when
/// they are called.
fn widening(own: &str, members: &BTreeSet<String>) -> String {
    let mut source = format!(
        "export * from '{own}';\nexport {{ default }} from '{own}';\n\
         const refusing = (member) => function () {{ throw Object.assign(new Error(`${{member}} of {own} was called, which is \
         not available`), {{ code: 'node-module' }}); }};\n"
    );
    for (place, member) in members.iter().enumerate() {
        let name = serde_json::json!(member);
        source +=
            &format!("const v{place} = refusing({name});\nexport {{ v{place} as {name} }};\n");
    }
    source
}
