//! Uploads that must be accepted: every way in which a workflow may be written and built.

use crate::support::{Guest, RUN};
use dormouse_component::prepare;

fn everything() -> Guest {
    Guest::new("include dormouse:workflow/workflow@0.1.0;")
}

#[test]
fn component_is_taken_as_it_is() {
    let component = everything().component();
    let prepared = prepare(&component).unwrap();
    assert_eq!(prepared.component, component);
    assert!(!prepared.wrapped);
}

#[test]
fn core_module_with_metadata_is_wrapped() {
    let guest = everything();
    let prepared = prepare(&guest.module()).unwrap();
    assert!(prepared.wrapped);
    assert_eq!(prepared.component, guest.component());
    let again = prepare(&prepared.component).unwrap();
    assert!(!again.wrapped);
}

#[test]
fn guest_without_async_is_accepted_since_its_type_is_async() {
    prepare(&everything().blocking().component()).unwrap();
}

#[test]
fn guest_may_import_nothing_but_types() {
    prepare(&Guest::new(RUN).component()).unwrap();
}

#[test]
fn guest_may_import_less_than_an_interface_has() {
    let guest = Guest::new(&format!("import dormouse:workflow/timers@0.1.0; {RUN}"))
        .where_contract_says(
            "sleep-until: async func(step: string, instant: instant);",
            "",
        );
    prepare(&guest.component()).unwrap();
}

#[test]
fn guest_may_export_more_than_run() {
    let guest = Guest::new(&format!("{RUN} export describe: func() -> string;"));
    prepare(&guest.component()).unwrap();
}

#[test]
fn any_patch_release_of_wasi_0_2_is_accepted() {
    for version in ["0.2.0", "0.2.3", "0.2.12"] {
        for package in ["cli", "clocks", "random", "io", "filesystem", "sockets"] {
            let guest = Guest::new(&format!("import wasi:{package}/thing@{version}; {RUN}"))
                .with_package(&format!(
                    "package wasi:{package}@{version}; interface thing {{ get: func() -> u32; }}"
                ));
            prepare(&guest.component()).unwrap();
        }
    }
}
