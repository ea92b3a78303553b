//! Provides modules in the place of packages and of modules of Node that are made for Node's streams and sockets, by what a
//! workflow has. They are in a
//! bundle only if something imports them, so they cost other workflows nothing.

use std::collections::BTreeMap;

use crate::bundle::{Kind, Module};

/// The modules by the names in imports. A name that begins with `node:` also means the module without this prefix.
const SUBSTITUTES: [(&str, &str); 7] = [
    ("ws", include_str!("substitutes/ws.js")),
    ("form-data", include_str!("substitutes/form_data.js")),
    ("node-fetch", include_str!("substitutes/node_fetch.js")),
    ("node:stream", include_str!("substitutes/stream.js")),
    (
        "node:stream/consumers",
        include_str!("substitutes/stream_consumers.js"),
    ),
    (
        "node:stream/promises",
        include_str!("substitutes/stream_promises.js"),
    ),
    ("undici", include_str!("substitutes/undici.js")),
];

/// The names that substitutes require, each with the id of the module.
const REQUIRED: [(&str, &str); 4] = [
    ("buffer", "node:buffer"),
    ("events", "node:events"),
    ("stream", "node:stream"),
    ("string_decoder", "node:string_decoder"),
];

/// Returns the id of the substitute that a name in an import means. None if there is none.
pub(crate) fn substitute(name: &str) -> Option<&'static str> {
    let ids = SUBSTITUTES.iter().map(|(id, _)| *id);
    ids.into_iter()
        .find(|id| *id == name || id.strip_prefix("node:") == Some(name))
}

/// Adds a substitute to modules, with the substitutes that it requires.
pub(crate) fn add(id: &str, modules: &mut BTreeMap<String, Module>) {
    let Some((id, source)) = SUBSTITUTES.iter().find(|(known, _)| *known == id) else {
        return;
    };
    if modules.contains_key(*id) {
        return;
    }
    let requires = |(name, _): &&(&str, &str)| source.contains(&format!("require('{name}')"));
    let required = REQUIRED.iter().filter(requires);
    let imports: BTreeMap<String, String> = required
        .map(|(name, id)| ((*name).to_owned(), (*id).to_owned()))
        .collect();
    let others: Vec<String> = imports.values().cloned().collect();
    let module = Module {
        kind: Kind::Cjs,
        source: (*source).to_owned(),
        imports,
        lines: Vec::new(),
    };
    modules.insert((*id).to_owned(), module);
    for other in others {
        add(&other, modules);
    }
}
