//! Refuses components that are made for other hosts. Their exports are checked before their imports, since the exports say
//! more about the mistake.

use crate::Invalid;
use crate::contract::RUN;

/// Interfaces that components for other hosts export, and the kind of program that such a component is.
const WORLDS: [(&str, &str); 3] = [
    ("wasi:cli/run", "a command-line program"),
    ("wasi:http/incoming-handler", "a handler of HTTP requests"),
    ("wasi:http/handler", "a handler of HTTP requests"),
];

/// Refuses a component that exports the interface of another world and does not export `run`.
pub(crate) fn check(exports: &[String]) -> Result<(), Invalid> {
    if exports.iter().any(|export| export == RUN) {
        return Ok(());
    }
    for export in exports {
        let interface = export.split('@').next().unwrap_or(export);
        if let Some((_, what)) = WORLDS.iter().find(|(world, _)| interface == *world) {
            return Err(Invalid::OtherWorld {
                what: (*what).to_owned(),
                export: export.clone(),
            });
        }
    }
    Ok(())
}
