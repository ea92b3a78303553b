//! A workflow in TypeScript or JavaScript, from its file to a bundle: all modules that it consists of, with their types taken
//! off and with what the names in them mean. There are no files where the workflow runs, so all of that is found out here.
//!
//! | file | what |
//! |---|---|
//! | `bundle` | what a bundle is, and how it is told from other uploads |
//! | `collect` | follows imports from the first file on |
//! | `names` | what a name in an import means |
//! | `module` | one file, its types taken off, and what it imports |
//! | `carry` | values that go along past `await` |
//! | `commonjs` | what modules of CommonJS have around them, in ES modules |
//! | `dialect` | how a file is compiled, and what cannot be |
//! | `edits` | texts that are put into a source |
//! | `stub` | modules that stand for those of Node that are not there |
//! | `variables` | the names in `process.env` that a module reads |
//! | `error` | why there is no bundle, with the place in the source |

mod bundle;
mod carry;
mod collect;
mod commonjs;
mod dialect;
mod edits;
mod error;
mod module;
mod names;
mod stub;
mod variables;

pub use bundle::{Bundle, Kind, Module, upload_text, uploaded_text};
pub use collect::{Collected, collect, collect_text};
pub use error::ScriptError;
