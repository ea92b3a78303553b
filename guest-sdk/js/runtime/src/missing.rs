//! Explains the error of an import of a name that a module does not export. The engine's message names neither the file
//! nor the line of the import.

use rquickjs::{Module, Object};

use crate::own::own;
use crate::{engine, modules};

/// The parts of the engine's message: before the name, between the name and the module's id, and after the id.
const ENGINE: [&str; 3] = ["Could not find export '", "' in module '", "'"];

/// Returns a message with the file, the line, and the module by its name in the import. None if `message` is another
/// message of the engine.
pub(crate) fn explain(message: &str) -> Option<String> {
    let rest = message.strip_prefix(ENGINE[0])?;
    let (export, module) = rest.strip_suffix(ENGINE[2])?.split_once(ENGINE[1])?;
    let found = modules::importers(module).into_iter().find_map(|importer| {
        let (id, name, source) = importer;
        let place = import_of(&source, &name, export)?;
        Some((id, name, line_at(&source, place)))
    });
    let (id, name, (line, text)) = found?;
    let line = modules::line(&id, line);
    let has = exports(module);
    Some(format!(
        "{id}:{line}: {name:?} does not export {export:?}{has}\n  {text}"
    ))
}

/// Returns the offset at which a text imports an export from a module, or exports it again.
fn import_of(source: &str, module: &str, export: &str) -> Option<usize> {
    let quoted = ["\"", "'"].map(|quote| format!("{quote}{module}{quote}"));
    let places = quoted
        .iter()
        .flat_map(|quoted| source.match_indices(quoted.as_str()));
    places
        .filter_map(|(end, _)| source.get(..end))
        .find_map(|before| {
            let clause = before.trim_end().strip_suffix("from")?;
            let begin = clause.rfind("import").max(clause.rfind("export"))?;
            let clause = clause.get(begin..)?;
            names(clause).any(|name| name == export).then(|| {
                let within = clause.find(export).filter(|_| export != "default");
                begin + within.unwrap_or(0)
            })
        })
}

/// Returns the names of exports in a clause that begins with `import` or `export` and ends before `from`.
fn names(clause: &str) -> impl Iterator<Item = &str> {
    let clause = clause.get("import".len()..).unwrap_or_default().trim();
    let (default, inner) = clause.split_once('{').unwrap_or((clause, ""));
    let default = default.trim().trim_end_matches(',');
    let default = (!default.is_empty() && !default.contains('*')).then_some("default");
    let inner = inner.split('}').next().unwrap_or_default();
    let inner = inner
        .split(',')
        .filter_map(|part| part.split_whitespace().next());
    default.into_iter().chain(inner)
}

/// Returns the number of the line at an offset, counted from 1, and the line's text.
fn line_at(source: &str, place: usize) -> (usize, String) {
    let before = source.get(..place).unwrap_or(source);
    let line = before.matches('\n').count();
    let text = source.lines().nth(line).unwrap_or_default();
    (line + 1, text.trim().to_owned())
}

/// Returns the exports of a module of the runtime, as the end of a sentence. Empty for any other module, which is not
/// evaluated just for this.
fn exports(module: &str) -> String {
    if own(module).is_none() {
        return String::new();
    }
    let names = engine::with(|ctx, _| {
        let module = Module::import(ctx, module).and_then(|promise| promise.finish::<Object<'_>>());
        let keys = module.map(|module| module.keys::<String>().flatten().collect::<Vec<_>>());
        keys.unwrap_or_default()
    });
    format!("; it exports {}", names.join(", "))
}
