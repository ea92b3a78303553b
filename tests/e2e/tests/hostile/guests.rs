//! Guests that no compiler would make: modules in Wasm text. This module adds everything around `run`.

use crate::components::of_text;

/// `run` and its callback return this to wait for `$set`.
pub(super) const WAIT: &str = "(i32.or (i32.const 2) (i32.shl (global.get $set) (i32.const 4)))";

/// They return this to be called again at once.
pub(super) const YIELD: &str = "(i32.const 1)";

/// Starts a sleep of 20 ms, whose handle is then in `$task` and in `$set`.
pub(super) const SLEEP: &str = "
    (global.set $task (i32.shr_u (call $sleep (i32.const 16) (i32.const 4) (i64.const 20)) (i32.const 4)))
    (call $join (global.get $task) (global.get $set))";

/// Gives up what [`SLEEP`] started, as a future does that is dropped.
pub(super) const CANCEL: &str = "
    (call $join (global.get $task) (i32.const 0))
    (drop (call $cancel (global.get $task)))
    (call $drop (global.get $task))";

/// Ends with these bytes of memory, from 512 on, as the run's result.
pub(super) fn give(length: usize) -> String {
    format!(
        "(call $return (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512) (i32.const {length})) (i32.const 0)"
    )
}

/// Returns code that executes these instructions for ever.
pub(super) fn for_ever(instructions: &str) -> String {
    format!("(loop $again {instructions} (br $again)) unreachable")
}

/// A guest: the parts in which one differs from another.
pub(super) struct Guest<'a> {
    /// The body of `run`, which leaves what it returns on the stack.
    pub(super) run: &'a str,
    /// The body of its callback, the same.
    pub(super) callback: &'a str,
    /// What the host calls to have memory for an argument.
    pub(super) realloc: &'a str,
    /// More imports, which come first in a module.
    pub(super) imports: &'a str,
    /// More functions, tables and memories.
    pub(super) items: &'a str,
    /// What the world has beside the contract, and the packages that this comes from.
    pub(super) world: &'a str,
    pub(super) packages: &'a [&'a str],
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Guest {
            run: "unreachable",
            callback: "unreachable",
            realloc: "(i32.const 4096)",
            imports: "",
            items: "",
            world: "",
            packages: &[],
        }
    }
}

impl Guest<'_> {
    /// Returns the bytes to upload.
    pub(super) fn bytes(&self) -> Vec<u8> {
        of_text(&self.text(), self.world, self.packages)
    }

    fn text(&self) -> String {
        let Guest {
            run,
            callback,
            realloc,
            imports,
            items,
            ..
        } = self;
        format!(
            r#"(module
                (import "dormouse:workflow/context@0.1.0" "log" (func $log (param i32 i32 i32)))
                (import "dormouse:workflow/context@0.1.0" "abandon" (func $abandon (param i32)))
                (import "dormouse:workflow/steps@0.1.0" "begin" (func $begin (param i32 i32 i32)))
                (import "dormouse:workflow/steps@0.1.0" "finish"
                    (func $finish (param i32 i32 i32 i32 i32 i32 i32)))
                (import "dormouse:workflow/timers@0.1.0" "[async-lower]sleep"
                    (func $sleep (param i32 i32 i64) (result i32)))
                (import "[export]$root" "[task-return]run" (func $return (param i32 i32 i32 i32 i32)))
                (import "$root" "[waitable-set-new]" (func $set_new (result i32)))
                (import "$root" "[waitable-join]" (func $join (param i32 i32)))
                (import "$root" "[subtask-cancel]" (func $cancel (param i32) (result i32)))
                (import "$root" "[subtask-drop]" (func $drop (param i32)))
                {imports}
                (memory (export "memory") 1)
                (data (i32.const 16) "step")
                (global $set (mut i32) (i32.const 0))
                (global $task (mut i32) (i32.const 0))
                (global $count (mut i32) (i32.const 0))
                {items}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    {realloc})
                (func (export "[async-lift]run") (param i32 i32 i32 i32) (result i32)
                    (global.set $set (call $set_new))
                    {run})
                (func (export "[callback][async-lift]run") (param i32 i32 i32) (result i32)
                    {callback})
            )"#
        )
    }
}
