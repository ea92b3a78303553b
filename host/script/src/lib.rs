//! Makes a bundle of a workflow in TypeScript or JavaScript: all modules that it consists of, without types, and with the
//! modules that the names in their imports mean. There are no files where the workflow runs, so imports are resolved here.
//!
//! | file | what it does |
//! |---|---|
//! | `bundle` | defines the bundle and its form as an upload |
//! | `collect` | follows the imports of the first file |
//! | `names` | resolves the name in an import to a module |
//! | `module` | reads one file: removes its types, and finds its imports |
//! | `async_context` | keeps values past `await` for programs with `async_hooks` |
//! | `commonjs` | provides the names of CommonJS in ES modules |
//! | `dialect` | says how a file is compiled, and which syntax cannot be compiled |
//! | `edits` | puts texts into a source |
//! | `provided` | says which names the modules of Node that the runtime has export |
//! | `stub` | makes modules in the place of those that the runtime does not have |
//! | `substitute` | provides packages and modules of Node that need sockets, by what a workflow has |
//! | `variables` | finds the names in `process.env` that a module reads |
//! | `error` | says why no bundle can be made, with the place in the source |

mod async_context;
mod bundle;
mod collect;
mod commonjs;
mod dialect;
mod edits;
mod error;
mod module;
mod names;
mod provided;
mod stub;
mod substitute;
mod variables;

pub use bundle::{Bundle, Kind, Module, upload_text, uploaded_text};
pub use collect::{Collected, collect, collect_text};
pub use error::ScriptError;
