//! The features of Wasm that the engine accepts, and their results, which are the same everywhere.

use dormouse_engine::{Config, Engine};

use crate::core_guest::{CoreGuest, run};
use crate::harness::{Run, engine};

fn compiles(module: &str) -> bool {
    let component = wat::parse_str(format!("(component (core module {module}))")).unwrap();
    engine().precompile(&component).is_ok()
}

#[test]
fn nondeterministic_and_collected_features_are_refused() {
    assert!(compiles("(memory 1)"));
    assert!(compiles(
        "(func (param v128) (result v128) (i32x4.relaxed_trunc_f32x4_s (local.get 0)))"
    ));
    for module in [
        "(memory 1 1 shared)",
        "(memory i64 1)",
        "(tag)",
        "(type (struct))",
        "(func (param externref))",
        "(func (param (ref func)))",
    ] {
        assert!(!compiles(module), "{module}");
    }
}

#[test]
fn a_component_that_cannot_be_compiled_is_refused_with_the_reason() {
    let error = engine()
        .precompile(b"\0asm\x0d\0\x01\0garbage")
        .unwrap_err();
    assert!(error.to_string().contains("cannot be compiled"), "{error}");
}

/// The processor would keep the payload of a NaN; which one it keeps differs from one to the next.
#[test]
fn a_nan_has_one_form() {
    let guest = run("
        (i32.store (i32.const 512)
            (i32.reinterpret_f32 (f32.add (f32.reinterpret_i32 (i32.const 0x7fa00001)) (f32.const 1))))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 512) (i32.const 4))
        (i32.const 0)");
    let mut run = Run::of(guest);
    assert_eq!(
        &run.start().result().body[..],
        &0x7fc0_0000_u32.to_le_bytes()
    );
}

/// Code that is compiled in a process without a pool is run in one with a pool.
#[test]
fn the_pool_is_not_part_of_the_fingerprint() {
    let without = Engine::new(&Config { slots: 0 }).unwrap();
    assert_eq!(without.fingerprint(), engine().fingerprint());
    let component = CoreGuest::default().component();
    assert_eq!(
        without.precompile(&component).unwrap(),
        engine().precompile(&component).unwrap()
    );
}

#[test]
fn a_pool_that_cannot_be_had_is_done_without() {
    let engine = Engine::new(&Config { slots: 100_000_000 }).unwrap();
    assert_eq!(engine.fingerprint(), crate::harness::engine().fingerprint());
}

/// The engine makes a module that copies the string, with the memories of both.
#[test]
fn components_made_of_components_are_compiled() {
    let component = wat::parse_str(
        r#"(component
            (component $inner
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024)
                    (func (export "len") (param i32 i32) (result i32) local.get 1))
                (core instance $i (instantiate $m))
                (alias core export $i "memory" (core memory $memory))
                (alias core export $i "realloc" (core func $realloc))
                (alias core export $i "len" (core func $len))
                (func (export "len") (param "s" string) (result u32)
                    (canon lift (core func $len) (memory $memory) (realloc $realloc))))
            (component $outer
                (import "len" (func $len (param "s" string) (result u32)))
                (core module $holder (memory (export "memory") 1))
                (core instance $holder (instantiate $holder))
                (alias core export $holder "memory" (core memory $memory))
                (core func $lowered (canon lower (func $len) (memory $memory)))
                (core module $m
                    (import "" "len" (func $len (param i32 i32) (result i32)))
                    (func (export "go") (result i32) i32.const 0 i32.const 5 call $len))
                (core instance $i (instantiate $m (with "" (instance (export "len" (func $lowered))))))
                (alias core export $i "go" (core func $go))
                (func (export "go") (result u32) (canon lift (core func $go))))
            (instance $a (instantiate $inner))
            (instance $b (instantiate $outer (with "len" (func $a "len"))))
            (export "go" (func $b "go")))"#,
    )
    .unwrap();
    let engine = Engine::new(&Config { slots: 0 }).unwrap();
    engine.precompile(&component).unwrap();
}
