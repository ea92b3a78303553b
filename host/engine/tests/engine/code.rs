//! Sealed code: accepted if the host itself sealed it and it fits, and refused with the reason
//! otherwise.

use dormouse_engine::{CodeRejected, Fingerprint, LinkError, open, seal};
use dormouse_journal::VersionId;

use crate::core_guest::CoreGuest;
use crate::harness::{SEAL, engine};

const VERSION: VersionId = VersionId([3; 32]);

fn sealed() -> Vec<u8> {
    let code = engine()
        .precompile(&CoreGuest::default().component())
        .unwrap();
    seal(&SEAL, engine().fingerprint(), VERSION, None, &code)
}

/// Seals what the compiler makes of this component, and opens it.
fn link(component: &str) -> CodeRejected {
    let component = wat::parse_str(component).unwrap();
    let code = engine().precompile(&component).unwrap();
    let sealed = seal(&SEAL, engine().fingerprint(), VERSION, None, &code);
    open(engine(), &SEAL, VERSION, &sealed, None).unwrap_err()
}

fn check(sealed: &[u8], expected: &CodeRejected) {
    assert_eq!(
        &open(engine(), &SEAL, VERSION, sealed, None).unwrap_err(),
        expected
    );
}

#[test]
fn the_hosts_own_code_is_taken() {
    open(engine(), &SEAL, VERSION, &sealed(), None).unwrap();
}

#[test]
fn another_key_or_version_is_refused() {
    let sealed = sealed();
    let error = open(engine(), &[8; 32], VERSION, &sealed, None).unwrap_err();
    assert_eq!(error, CodeRejected::Forged);
    let error = open(engine(), &SEAL, VersionId([4; 32]), &sealed, None).unwrap_err();
    assert_eq!(error, CodeRejected::Forged);
}

#[test]
fn a_changed_byte_anywhere_is_refused() {
    let sealed = sealed();
    for place in [0, 7] {
        check(&changed(&sealed, place), &CodeRejected::Malformed);
    }
    for place in [8, 39] {
        check(&changed(&sealed, place), &CodeRejected::OtherEngine);
    }
    for place in [40, 71, 72, 103, 104, sealed.len() / 2, sealed.len() - 1] {
        check(&changed(&sealed, place), &CodeRejected::Forged);
    }
}

fn changed(sealed: &[u8], place: usize) -> Vec<u8> {
    let mut sealed = sealed.to_vec();
    sealed[place] ^= 1;
    sealed
}

#[test]
fn truncated_or_longer_code_is_refused() {
    let mut sealed = sealed();
    check(&sealed[..103], &CodeRejected::Malformed);
    check(&sealed[..104], &CodeRejected::Forged);
    check(&sealed[..sealed.len() - 1], &CodeRejected::Forged);
    check(&[], &CodeRejected::Malformed);
    sealed.push(0);
    check(&sealed, &CodeRejected::Forged);
}

#[test]
fn code_of_another_engine_is_refused_though_it_is_the_hosts_own() {
    let code = engine()
        .precompile(&CoreGuest::default().component())
        .unwrap();
    let sealed = seal(&SEAL, Fingerprint([0; 32]), VERSION, None, &code);
    check(&sealed, &CodeRejected::OtherEngine);
}

#[test]
fn bytes_that_are_not_code_are_refused_by_the_engine() {
    let sealed = seal(&SEAL, engine().fingerprint(), VERSION, None, b"no code");
    let error = open(engine(), &SEAL, VERSION, &sealed, None).unwrap_err();
    assert!(matches!(error, CodeRejected::Unusable(_)), "{error:?}");
}

#[test]
fn an_import_that_the_host_does_not_give_is_named() {
    let refused =
        link(r#"(component (import "wasi:http/handler@0.2.0" (instance (export "f" (func)))))"#);
    let CodeRejected::Link(LinkError::Import(text)) = refused else {
        panic!("{refused:?}")
    };
    assert!(text.contains("wasi:http/handler@0.2.0"), "{text}");
}

#[test]
fn an_import_of_another_type_is_named() {
    let refused = link(
        r#"(component (import "dormouse:workflow/context@0.1.0"
            (instance (export "now" (func (result string))))))"#,
    );
    let CodeRejected::Link(LinkError::Import(text)) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        text.contains("dormouse:workflow/context@0.1.0") && text.contains("now"),
        "{text}"
    );
}

#[test]
fn a_component_without_run_is_not_a_workflow() {
    let refused = link("(component)");
    assert!(
        matches!(refused, CodeRejected::Link(LinkError::Run(_))),
        "{refused:?}"
    );
    assert!(refused.to_string().contains("`run`"), "{refused}");
}

#[test]
fn run_of_another_type_is_not_a_workflow() {
    let refused = link(
        r#"(component
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func (export "run") (canon lift (core func $i "run"))))"#,
    );
    assert!(
        matches!(refused, CodeRejected::Link(LinkError::Run(_))),
        "{refused:?}"
    );
}
