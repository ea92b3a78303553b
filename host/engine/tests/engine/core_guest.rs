//! Guests in Wasm text, for behaviour that no compiled guest would have.
//!
//! A test gives the body of `run` and of its callback. This module adds the rest: the imports with short names, a
//! memory, an allocator, and some strings.

use dormouse_engine::Program;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::harness::compile;

/// `run` returns this to wait for `$set`, and 0 to say that it is done.
pub(crate) const WAIT: &str = "(i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4)))";

/// Returns an empty payload as the run's result.
pub(crate) const RETURN: &str =
    "(call $return (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// Strings that a guest may pass: `(call $log (i32.const 2) STEP)`.
pub(crate) const STEP: &str = "(i32.const 16) (i32.const 4)";
pub(crate) const OTHER: &str = "(i32.const 32) (i32.const 5)";

/// Starts a sleep, and leaves its handle in `$task`, joined to `$set`.
pub(crate) const SLEEP: &str = r#"
    (global.set $task (i32.shr_u (call $sleep (i32.const 16) (i32.const 4) (i64.const 10)) (i32.const 4)))
    (call $join (global.get $task) (global.get $set))
"#;

/// A guest of the contract's own world.
pub(crate) struct CoreGuest<'a> {
    /// More imports, globals, functions and data.
    pub(crate) items: &'a str,
    /// The body of `run`, which leaves what it returns on the stack.
    pub(crate) run: &'a str,
    /// The body of its callback, the same.
    pub(crate) callback: &'a str,
    /// The world's WIT beyond the contract, and packages that it needs.
    pub(crate) imports: &'a str,
    pub(crate) packages: &'a str,
}

impl Default for CoreGuest<'_> {
    fn default() -> Self {
        CoreGuest {
            items: "",
            run: "unreachable",
            callback: "unreachable",
            imports: "",
            packages: "",
        }
    }
}

/// Returns a guest with this body of `run`.
pub(crate) fn run(run: &str) -> Program {
    CoreGuest {
        run,
        ..CoreGuest::default()
    }
    .program()
}

impl CoreGuest<'_> {
    pub(crate) fn program(&self) -> Program {
        compile(&self.component())
    }

    pub(crate) fn component(&self) -> Vec<u8> {
        let mut module = wat::parse_str(self.module()).unwrap();
        let mut resolve = Resolve::default();
        let contract = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
        resolve.push_dir(contract).unwrap();
        let wit = format!(
            "package test:guest; {} world guest {{ include dormouse:workflow/workflow@0.1.0; {} }}",
            self.packages, self.imports
        );
        let package = resolve.push_str("guest.wit", &wit).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        let encoder = ComponentEncoder::default().module(&module).unwrap();
        encoder.validate(true).encode().unwrap()
    }

    fn module(&self) -> String {
        let CoreGuest {
            items,
            run,
            callback,
            ..
        } = self;
        format!(
            r#"(module
                (import "dormouse:workflow/context@0.1.0" "log" (func $log (param i32 i32 i32)))
                (import "dormouse:workflow/context@0.1.0" "abandon" (func $abandon (param i32)))
                (import "dormouse:workflow/context@0.1.0" "next-operation" (func $next_operation (result i32)))
                (import "dormouse:workflow/context@0.1.0" "now" (func $now (result i64)))
                (import "dormouse:workflow/context@0.1.0" "random" (func $random (param i32 i32)))
                (import "dormouse:workflow/context@0.1.0" "current-run" (func $current_run (param i32)))
                (import "dormouse:workflow/steps@0.1.0" "begin" (func $begin (param i32 i32 i32)))
                (import "dormouse:workflow/steps@0.1.0" "finish"
                    (func $finish (param i32 i32 i32 i32 i32 i32 i32)))
                (import "dormouse:workflow/webhooks@0.1.0" "close-webhook" (func $close (param i32 i32 i32 i32)))
                (import "dormouse:workflow/timers@0.1.0" "[async-lower]sleep"
                    (func $sleep (param i32 i32 i64) (result i32)))
                (import "dormouse:workflow/timers@0.1.0" "sleep" (func $sleep_sync (param i32 i32 i64)))
                (import "[export]$root" "[task-return]run" (func $return (param i32 i32 i32 i32 i32)))
                (import "$root" "[waitable-set-new]" (func $set_new (result i32)))
                (import "$root" "[waitable-join]" (func $join (param i32 i32)))
                (import "$root" "[subtask-cancel]" (func $cancel (param i32) (result i32)))
                (import "$root" "[subtask-drop]" (func $drop (param i32)))
                {items}
                (memory (export "memory") 1)
                (data (i32.const 16) "step")
                (data (i32.const 32) "other")
                (global $set (mut i32) (i32.const 0))
                (global $task (mut i32) (i32.const 0))
                (global $next (mut i32) (i32.const 4096))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $next (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get 3))))
                (func $run (export "[async-lift]run") (param i32 i32 i32 i32) (result i32)
                    (global.set $set (call $set_new))
                    {run})
                (func (export "[callback][async-lift]run") (param i32 i32 i32) (result i32)
                    {callback})
            )"#
        )
    }
}
