//! A component that shares code is divided into parts that fit together, and any other component is left whole.

use dormouse_component::divide::{Divided, State, divide, divide_module, with_state};
use dormouse_component::features;
use wasmparser::Validator;

/// Returns a module with these imports and items, and the export by which shared code is recognised.
fn module(imports: &str, items: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {imports}
            (type $t (func (param i32) (result i32)))
            (table 1 funcref) (elem (i32.const 0) func $f)
            (func $f (export "f") (type $t) (global.get 0))
            (func (export "dormouse_init"))
            {items})"#
    );
    wat::parse_str(text).unwrap()
}

const STATE: &str = r#"(memory (export "memory") 1 9) (global (export "top") (mut i32) (i32.const 8))
    (data (i32.const 8) "abc")"#;

fn valid(module: &[u8]) {
    let validated = Validator::new_with_features(features()).validate_all(module);
    validated.unwrap();
}

#[test]
fn two_states_of_one_module_have_the_same_code() {
    let first = module("", STATE);
    let mut memory = vec![0; 3 << 16];
    memory[100..104].copy_from_slice(b"more");
    let state = State {
        memory: &memory,
        globals: &[0xffff_fff9],
    };
    let second = with_state(&first, &state).unwrap();
    valid(&second);
    assert_ne!(first, second);
    let [first, second] = [first, second].map(|module| divide_module(&module).unwrap());
    assert_eq!(first.code, second.code);
    for part in [&first.code, &first.state, &second.state] {
        valid(part);
    }
    let contains = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|at| at == text);
    assert!(contains(&second.state, b"more") && !contains(&second.state, b"abc"));
    assert!(!contains(&first.code, b"abc"));
}

#[test]
fn a_state_with_other_globals_does_not_fit() {
    let state = State {
        memory: &[0; 1 << 16],
        globals: &[],
    };
    assert_eq!(with_state(&module("", STATE), &state), None);
    let state = State {
        // A global of 32 bits cannot have the bit 32.
        globals: &[1 << 32],
        ..state
    };
    assert_eq!(with_state(&module("", STATE), &state), None);
}

#[test]
fn a_component_that_cannot_be_divided_is_left_whole() {
    let unmarked = wat::parse_str("(module (memory 1))").unwrap();
    let wholes = [
        unmarked,
        b"\0asm\x01\0\0\0garbage".to_vec(),
        // The code uses segments of data, which are part of the state.
        module(
            "",
            &format!(r#"{STATE} (data "passive") (func (data.drop 1))"#),
        ),
        // These two modules import their memory or a global, which is a part of the state.
        module(
            r#"(import "a" "b" (memory 1)) (global i32 (i32.const 1))"#,
            "",
        ),
        module(r#"(import "a" "b" (global i32))"#, "(memory 1)"),
        // In these two modules, the value of a global or the offset of data refers to another part of the module.
        module(
            "",
            "(memory 1) (global i32 (i32.const 1)) (global funcref (ref.func $f))",
        ),
        module(
            "",
            r#"(memory 1) (global i32 (i32.const 1)) (data (global.get 0) "a")"#,
        ),
        module("", ""),
    ];
    for (number, whole) in wholes.iter().enumerate() {
        assert_eq!(divide_module(whole), None, "{number}");
    }
}

/// Returns a component of two modules with these items at its end. The second module can be divided.
fn component(items: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
            (import "h" (func $h (param "a" u32)))
            (core module $first (func (export "x") (param i32)))
            (core module $main
                (import "env" "x" (func $x (param i32)))
                (memory (export "memory") 1) (global (mut i32) (i32.const 8)) (data (i32.const 0) "abc")
                (func (export "dormouse_init")) (func (export "run") (param i32) (call $x (local.get 0))))
            (core module $last (import "main" "run" (func (param i32))))
            (core func $lowered (canon lower (func $h)))
            (core instance $env (export "x" (func $lowered)))
            (core instance $main (instantiate $main (with "env" (instance $env))))
            (core instance (instantiate $last (with "main" (instance $main))))
            (core instance (instantiate $first))
            (func (export "run") (param "a" u32) (canon lift (core func $main "run")))
            {items})"#
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_component_is_divided_and_everything_else_in_it_stays() {
    let whole = component("");
    let Divided { code, rest } = divide(&whole).unwrap();
    valid(&code);
    valid(&rest);
    assert_eq!(imports(&whole), ["h"]);
    assert_eq!(imports(&rest), ["h", "dormouse-code"]);
    assert_eq!(divide(&rest), None, "it is divided once");
}

/// Returns the names of a component's imports.
fn imports(component: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(component) {
        if let wasmparser::Payload::ComponentImportSection(imports) = payload.unwrap() {
            for import in imports {
                names.push(import.unwrap().name.name.to_owned());
            }
        }
    }
    names
}

#[test]
fn a_component_that_counts_differently_is_left_whole() {
    for items in [
        "(component)",
        "(core type (module))",
        r#"(import "m" (core module))"#,
    ] {
        assert_eq!(divide(&component(items)), None, "{items}");
    }
}

/// A component with any byte changed, if it is still valid, is divided into valid parts or left whole.
#[test]
fn every_byte_changed_that_is_still_valid() {
    let original = component("");
    let (mut divided, mut whole) = (0, 0);
    for at in 8..original.len() {
        let mut changed = original.clone();
        changed[at] ^= [0x01, 0x02, 0x80, 0xff][at % 4];
        let validated = Validator::new_with_features(features()).validate_all(&changed);
        match validated.ok().and_then(|_| divide(&changed)) {
            Some(parts) => {
                valid(&parts.code);
                valid(&parts.rest);
                divided += 1;
            }
            None => whole += 1,
        }
    }
    assert!(divided > 10 && whole > 10, "{divided}, {whole}");
}
