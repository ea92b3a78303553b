//! What the parts of a divided component call each other.

/// The name under which a divided component imports its code.
pub const CODE: &str = "dormouse-code";

/// The name of the module from which the code imports memory and globals.
pub(super) const STATE: &str = "dormouse:state";

/// The name under which the state exports its memory. Its globals are `g0`, `g1` and so on.
pub const MEMORY: &str = "memory";

/// An export by which the JavaScript runtime is known.
pub(super) const MARK: &str = "dormouse_init";
