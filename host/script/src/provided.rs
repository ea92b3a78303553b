//! Says which names the modules of Node that the runtime has export. Packages may import more names than they use, and a
//! module of JavaScript cannot be loaded if one of the names that it imports is missing.

use std::collections::BTreeSet;

use oxc_allocator::Allocator;
use oxc_parser::Parser;
use oxc_span::SourceType;
use oxc_syntax::module_record::ExportExportName;

/// The modules, with their sources.
const MODULES: [(&str, &str); 17] = [
    (
        "node:assert",
        include_str!("../../../guest-sdk/js/runtime/js/node/assert.js"),
    ),
    (
        "node:async_hooks",
        include_str!("../../../guest-sdk/js/runtime/js/node/async_hooks.js"),
    ),
    (
        "node:buffer",
        include_str!("../../../guest-sdk/js/runtime/js/node/buffer.js"),
    ),
    (
        "node:crypto",
        include_str!("../../../guest-sdk/js/runtime/js/node/crypto.js"),
    ),
    (
        "node:events",
        include_str!("../../../guest-sdk/js/runtime/js/node/events.js"),
    ),
    (
        "node:module",
        include_str!("../../../guest-sdk/js/runtime/js/node/module.js"),
    ),
    (
        "node:os",
        include_str!("../../../guest-sdk/js/runtime/js/node/os.js"),
    ),
    (
        "node:path",
        include_str!("../../../guest-sdk/js/runtime/js/node/path.js"),
    ),
    (
        "node:perf_hooks",
        include_str!("../../../guest-sdk/js/runtime/js/node/perf_hooks.js"),
    ),
    (
        "node:process",
        include_str!("../../../guest-sdk/js/runtime/js/node/process.js"),
    ),
    (
        "node:querystring",
        include_str!("../../../guest-sdk/js/runtime/js/node/querystring.js"),
    ),
    (
        "node:stream/web",
        include_str!("../../../guest-sdk/js/runtime/js/node/stream_web.js"),
    ),
    (
        "node:string_decoder",
        include_str!("../../../guest-sdk/js/runtime/js/node/string_decoder.js"),
    ),
    (
        "node:timers",
        include_str!("../../../guest-sdk/js/runtime/js/node/timers.js"),
    ),
    (
        "node:timers/promises",
        include_str!("../../../guest-sdk/js/runtime/js/node/timers_promises.js"),
    ),
    (
        "node:url",
        include_str!("../../../guest-sdk/js/runtime/js/node/url.js"),
    ),
    (
        "node:util",
        include_str!("../../../guest-sdk/js/runtime/js/node/util.js"),
    ),
];

/// Returns those of some names that a module of the runtime does not export.
pub(crate) fn lacking(module: &str, names: &[String]) -> Vec<String> {
    if names.is_empty() {
        return Vec::new();
    }
    let Some((_, source)) = MODULES.iter().find(|(known, _)| *known == module) else {
        return Vec::new();
    };
    let exports = exports(source);
    let lacking = names.iter().filter(|name| !exports.contains(*name));
    lacking.cloned().collect()
}

fn exports(source: &str) -> BTreeSet<String> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::mjs()).parse();
    let record = &parsed.module_record;
    let entries = record
        .local_export_entries
        .iter()
        .chain(&record.indirect_export_entries);
    let names = entries.filter_map(|entry| match &entry.export_name {
        ExportExportName::Name(name) => Some(name.name.to_string()),
        _ => None,
    });
    names.collect()
}
