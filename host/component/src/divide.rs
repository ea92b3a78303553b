//! Divides a component into the code that it shares with other components, and the rest.
//!
//! The component of a workflow in JavaScript is the JavaScript runtime, with the workflow evaluated in its memory. All such
//! components have the same two megabytes of code, which takes seconds to compile, and differ in memory and globals. So the
//! runtime's module is divided in two. One module has the code, and imports memory and globals. The other module has memory
//! and globals, and no code. The component imports the first and contains the second. It behaves as before.
//!
//! ```text
//! before  (module code+state) (instance $main (instantiate 0 …))
//! after   (import "dormouse-code" (module code)) (module state) (instance $state (instantiate 1))
//!         (instance $main (instantiate 0 … (with "dormouse:state" (instance $state))))
//! ```
//!
//! Components are uploaded and stored whole: they are divided only when they are compiled. A component of another kind,
//! or one that has parts which the division does not support, is not divided.

mod component;
mod module;
mod names;

pub use component::Divided;
pub use module::State;
pub use names::{CODE, MEMORY};

/// A core module in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DividedModule {
    /// The core module that has the code, and imports memory and globals.
    pub code: Vec<u8>,
    /// The core module that has memory and globals.
    pub state: Vec<u8>,
}

/// Divides a valid component. None if the component shares no code with others, or cannot be divided.
#[must_use]
pub fn divide(component: &[u8]) -> Option<Divided> {
    component::divide(component)
}

/// Divides a valid core module. None if the module shares no code with others, or cannot be divided.
#[must_use]
pub fn divide_module(module: &[u8]) -> Option<DividedModule> {
    let parts = module::Parts::of(module)?;
    Some(DividedModule {
        code: parts.code(),
        state: parts.state(),
    })
}

/// Replaces the state of a core module, with the memory and the globals that an execution has left. None if the module
/// cannot be divided, or the state does not fit it.
#[must_use]
pub fn with_state(module: &[u8], state: &State<'_>) -> Option<Vec<u8>> {
    module::Parts::of(module)?.with(state)
}
