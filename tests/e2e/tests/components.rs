//! Components for uploads, made of WIT texts. They are like a compiler's, except that they do nothing.

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// All that a workflow must be.
pub(crate) const WORKFLOW: &str = "include dormouse:workflow/workflow@0.1.0;";

/// Returns a world with these items, which may use these packages beside the contract.
fn world(items: &str, packages: &[&str]) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit"))
        .unwrap();
    for package in packages {
        resolve.push_source("dependency.wit", package).unwrap();
    }
    let world = format!("package test:guest;\nworld guest {{ {items} }}");
    let package = resolve.push_source("guest.wit", &world).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    (resolve, world)
}

fn embed((resolve, world): &(Resolve, WorldId), mut module: Vec<u8>) -> Vec<u8> {
    wit_component::embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8)
        .unwrap();
    module
}

/// Returns the core module of such a world.
pub(crate) fn module(items: &str, packages: &[&str]) -> Vec<u8> {
    let world = world(items, packages);
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::AsyncCallback);
    let module = wit_component::dummy_module(&world.0, world.1, abi);
    embed(&world, module)
}

/// Returns the component of such a world.
pub(crate) fn component(items: &str, packages: &[&str]) -> Vec<u8> {
    ComponentEncoder::default()
        .module(&module(items, packages))
        .unwrap()
        .encode()
        .unwrap()
}

/// Returns a workflow of this core module, in text. Its world has these items beside the contract's, from these packages.
pub(crate) fn of_text(text: &str, items: &str, packages: &[&str]) -> Vec<u8> {
    let items = format!("{items} {WORKFLOW}");
    embed(&world(&items, packages), wat::parse_str(text).unwrap())
}

/// Returns a workflow that waits for an empty set of things.
pub(crate) fn stuck() -> Vec<u8> {
    let text = r#"(module
        (import "$root" "[waitable-set-new]" (func $new (result i32)))
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
        (func (export "[async-lift]run") (param i32 i32 i32 i32) (result i32)
            (i32.or (i32.const 2) (i32.shl (call $new) (i32.const 4))))
        (func (export "[callback][async-lift]run") (param i32 i32 i32) (result i32) unreachable))"#;
    of_text(text, "", &[])
}

/// Returns a workflow with one more function, which is small, valid, and takes a compiler minutes.
pub(crate) fn bomb() -> Vec<u8> {
    const DEPTH: usize = 12_000;
    let nest = format!(
        "{}{}",
        "loop\nlocal.get 0\nbr_if 0\n".repeat(DEPTH),
        "end\n".repeat(DEPTH)
    );
    with_functions(&format!("(func (param i32)\n{nest})"))
}

/// Returns a workflow with these functions, in text, which nobody calls.
pub(crate) fn with_functions(functions: &str) -> Vec<u8> {
    let text = wasmprinter::print_bytes(module(WORKFLOW, &[])).unwrap();
    let end = text.rfind(')').unwrap();
    wat::parse_str(format!("{}{functions})", &text[..end])).unwrap()
}
