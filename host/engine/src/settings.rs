//! Settings by name and value. The contract has them where later versions may add something.

use crate::stop::Stop;

/// The largest number of settings in one list. No import knows as many.
const SETTINGS: usize = 32;

/// The number of characters of a name that a message repeats.
const SHOWN: usize = 64;

/// Stops a guest that passed more settings than anyone needs.
pub(crate) fn check_count(import: &str, settings: &[(String, String)]) -> Result<(), Stop> {
    if settings.len() > SETTINGS {
        return Err(Stop::Misuse(format!(
            "`{import}` was given {} settings; it takes at most {SETTINGS}",
            settings.len()
        )));
    }
    Ok(())
}

/// Stops a guest that passed a setting whose name is not among those known.
pub(crate) fn refuse_unknown(
    import: &str,
    settings: &[(String, String)],
    known: &[&str],
) -> Result<(), Stop> {
    check_count(import, settings)?;
    let unknown = settings
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()));
    let Some((name, _)) = unknown else {
        return Ok(());
    };
    let allowed = match known {
        [] => "it knows none there".to_owned(),
        known => format!("it knows {} there", known.join(", ")),
    };
    Err(Stop::Misuse(format!(
        "`{import}` was given the setting {}, which this host does not know; {allowed}",
        shown(name)
    )))
}

/// Returns the value of this name, or stops a guest whose name is unknown.
pub(crate) fn by_name<T: Copy>(
    import: &str,
    what: &str,
    name: &str,
    known: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<T, Stop> {
    let found = known.iter().find(|value| name_of(**value) == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|value| name_of(*value)).collect();
        Stop::Misuse(format!(
            "`{import}`: {what} is {}, which this host does not know; it knows {}",
            shown(name),
            names.join(", ")
        ))
    })
}

/// Returns a guest's text for a message: in quotation marks, and shortened if it is long.
pub(crate) fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{:?}", start + more)
}
