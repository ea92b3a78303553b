//! Runs a workflow that is written in JavaScript or TypeScript.
//!
//! The engine is QuickJS-NG. When a workflow is deployed, this module is instantiated once without a host: the engine is
//! made, `js/` is evaluated, the workflow's own modules are taken in, and what is then in memory becomes part of the component
//! (`snapshot`). A run begins from there.
//!
//! | file | what |
//! |---|---|
//! | `engine` | the engine, made once |
//! | `snapshot` | what happens at deployment |
//! | `modules` | the workflow's modules, and how they find each other |
//! | `own` | the modules of `js/` |
//! | `missing` | what the author is told of an import of a name that is not exported |
//! | `natives` | what `js/` can ask of this module |
//! | `operations` | the operations under way, and what came of them |
//! | `values` | from the contract's values to JavaScript's and back |
//! | `heap` | what is allocated at deployment, and what by a run |
//! | `objects` | where the engine's objects lie |
//! | `failure` | what an error says to people |
//! | `run` | a run from its input to its result |

mod bindings;
mod clock;
mod engine;
mod failure;
mod heap;
mod missing;
mod modules;
mod natives;
mod objects;
mod operations;
mod own;
mod run;
mod snapshot;
mod values;
