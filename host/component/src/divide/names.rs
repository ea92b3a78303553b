//! What the parts of a divided component call each other.

/// What the imported code is called in a divided component.
pub const CODE: &str = "dormouse-code";

/// What its memory and globals are imported from.
pub(super) const STATE: &str = "dormouse:state";

/// What the memory is called there. Globals are called `g0`, `g1` and so on.
pub const MEMORY: &str = "memory";

/// What the JavaScript runtime exports, and no other module.
pub(super) const MARK: &str = "dormouse_init";
