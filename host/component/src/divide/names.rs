//! The names by which the parts of a divided component import each other.

/// The name under which a divided component imports its code.
pub const CODE: &str = "dormouse-code";

/// The name of the module from which the code imports memory and globals.
pub(super) const STATE: &str = "dormouse:state";

/// The name under which the state exports its memory. It exports its globals as `g0`, `g1` and so on.
pub const MEMORY: &str = "memory";

/// The export by which the JavaScript runtime is recognised.
pub(super) const MARK: &str = "dormouse_init";
