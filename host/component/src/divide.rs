//! Dividing a component: the code that programs share apart from what each program has of its own.
//!
//! A workflow in JavaScript is the JavaScript runtime, with the workflow evaluated in its memory. All of them have the same
//! two megabytes of code, which takes seconds to compile, and differ in memory and globals. So the module that has both is
//! divided: one module has the code, and imports memory and globals; another one has these, and no code. The component
//! imports the first and contains the second. What it does is the same.
//!
//! ```text
//! before  (module code+state) (instance $main (instantiate 0 …))
//! after   (import "dormouse-code" (module code)) (module state) (instance $state (instantiate 1))
//!         (instance $main (instantiate 0 … (with "dormouse:state" (instance $state))))
//! ```
//!
//! What is uploaded and stored is never divided: this is for the compiler alone. A component that is not of this kind, or
//! that has what this does not understand, is left whole.

mod component;
mod module;
mod names;

pub use component::Divided;
pub use module::State;
pub use names::{CODE, MEMORY};

/// A core module in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DividedModule {
    /// A core module that has the code, and imports memory and globals.
    pub code: Vec<u8>,
    /// A core module that has memory and globals.
    pub state: Vec<u8>,
}

/// Divides a component that is valid. None if it shares no code with others.
#[must_use]
pub fn divide(component: &[u8]) -> Option<Divided> {
    component::divide(component)
}

/// Divides a core module that is valid. None if it shares no code with others.
#[must_use]
pub fn divide_module(module: &[u8]) -> Option<DividedModule> {
    let parts = module::Parts::of(module)?;
    Some(DividedModule {
        code: parts.code(),
        state: parts.state(),
    })
}

/// Puts another state into a core module that can be divided: what an execution has left of memory and globals.
#[must_use]
pub fn with_state(module: &[u8], state: &State<'_>) -> Option<Vec<u8>> {
    module::Parts::of(module)?.with(state)
}
