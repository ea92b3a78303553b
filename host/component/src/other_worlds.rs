//! Components that are made for other hosts. What they import would say less about the mistake than what they export.

use crate::Invalid;
use crate::contract::RUN;

/// Interfaces that such a component exports, and what it is.
const WORLDS: [(&str, &str); 3] = [
    ("wasi:cli/run", "a command-line program"),
    ("wasi:http/incoming-handler", "a handler of HTTP requests"),
    ("wasi:http/handler", "a handler of HTTP requests"),
];

/// Refuses a component that exports the interface of another world, and no workflow.
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
