//! Runs a workflow that is written in JavaScript or TypeScript.
//!
//! The engine is QuickJS-NG. When a workflow is deployed, this module is instantiated once without a host: the engine is
//! made, and `js/` and the workflow's own modules are evaluated. The resulting memory becomes part of the component
//! (`snapshot`), and each run begins with this memory.
//!
//! | file | what it does |
//! |---|---|
//! | `engine` | makes the engine, and executes its jobs |
//! | `clock` | provides the time, and notes at deployment if it is asked for |
//! | `snapshot` | deploys a workflow |
//! | `modules` | holds the workflow's modules, and resolves and loads their imports |
//! | `own` | holds the modules of `js/` |
//! | `missing` | explains the error of an import of a name that is not exported |
//! | `natives` | provides the functions that `js/` calls |
//! | `operations` | holds the operations under way, and settles their promises |
//! | `values` | converts values between the contract and JavaScript |
//! | `heap` | allocates memory apart for the deployment and for the run |
//! | `objects` | chooses where the engine's objects are in memory |
//! | `failure` | makes the texts of errors for people |
//! | `run` | executes a run from its input to its result |

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
