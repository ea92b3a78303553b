//! Uploads that must be refused, and the message to the author of each.

use dormouse_component::prepare;

use crate::support::{Guest, RUN};

#[track_caller]
fn refused(upload: &[u8], message: &str) {
    let error = prepare(upload).unwrap_err();
    assert_eq!(error.to_string(), message);
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

/// Returns a workflow with one more import, from a package whose text is given.
fn importing(import: &str, package: &str) -> Vec<u8> {
    Guest::new(&format!("import {import}; {RUN}"))
        .with_package(package)
        .component()
}

#[test]
fn text() {
    refused(
        b"(component)",
        "this is not WebAssembly: it does not start with the bytes `\\0asm`; upload the binary \
         `.wasm` file of a component",
    );
}

#[test]
fn nothing() {
    refused(
        b"",
        "this is not WebAssembly: it does not start with the bytes `\\0asm`; upload the binary \
         `.wasm` file of a component",
    );
}

#[test]
fn an_archive_of_object_files() {
    for start in [b"!<arch>\n", b"!<thin>\n"] {
        refused(
            &[start.as_slice(), b"lib.rmeta/      0"].concat(),
            "this is an archive of object files, such as an `.rlib` or `.a`, and not WebAssembly; \
             in Rust, write `crate-type = [\"cdylib\"]` under `[lib]` in `Cargo.toml`, build with \
             `--target wasm32-unknown-unknown --release`, and upload the `.wasm` file",
        );
    }
}

#[test]
fn a_program_for_a_machine() {
    for (start, format) in [
        (b"\x7fELF\x02\x01".as_slice(), "ELF"),
        (b"\xcf\xfa\xed\xfe\x07", "Mach-O"),
        (b"MZ\x90\0", "PE"),
    ] {
        refused(
            start,
            &format!(
                "this is a program or library for a machine ({format}), and not WebAssembly; build \
                 it for Wasm, in Rust with `--target wasm32-unknown-unknown --release`, and upload \
                 the `.wasm` file"
            ),
        );
    }
}

#[test]
fn wasm_of_an_unknown_kind() {
    refused(
        b"\0asm\x07\0\x07\0",
        "this is WebAssembly of a version that the host does not know: `\\0asm` is followed \
         by the bytes 07 00 07 00; build it with a current toolchain",
    );
}

#[test]
fn truncated_component() {
    let component = Guest::new(RUN).component();
    refused(
        &component[..component.len() / 2],
        "the Wasm is not valid: unexpected end-of-file (at offset 0x48a); build it again, and \
         check that the whole file was sent",
    );
}

#[test]
fn core_module_without_metadata() {
    refused(
        &wat("(module)"),
        "this is a core module without component metadata, so the host cannot make a component of \
         it; in Rust, write `#[workflow]` of `dormouse-sdk` before an `async fn`, and `crate-type = \
         [\"cdylib\"]` under `[lib]`; otherwise build it with bindings of the world \
         `dormouse:workflow/workflow`, or make it a component first",
    );
}

#[test]
fn core_module_for_wasi_0_1() {
    refused(
        &wat(r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#),
        "the core module imports `wasi_snapshot_preview1`, which is WASI 0.1; build for \
         `wasm32-unknown-unknown` or `wasm32-wasip2`, or make it a component with the adapter of \
         WASI 0.1 first",
    );
}

#[test]
fn core_module_that_calls_javascript() {
    for module in [
        "__wbindgen_placeholder__",
        "__wbindgen_externref_xform__",
        "wbg",
    ] {
        // A module that the tool of `wasm-bindgen` has processed may use a feature that the host does not enable.
        let text = format!(r#"(module (import "{module}" "now" (func (param externref))))"#);
        refused(
            &wat(&text),
            &format!(
                "the core module imports `{module}` of `wasm-bindgen`: a dependency expects a \
                 browser; find it with `cargo tree --target wasm32-unknown-unknown --invert \
                 wasm-bindgen`, and switch off its default features, or the feature that asks for \
                 JavaScript (often `js`, `wasm_js`, `wasm-bindgen` or `wasmbind`)"
            ),
        );
    }
}

#[test]
fn core_module_that_does_not_fit_its_metadata() {
    let guest = Guest::new(RUN).module();
    let mut module = wat("(module)");
    module.extend_from_slice(metadata_of(&guest));
    refused(
        &module,
        "the core module cannot be made a component: failed to decode world from module: module \
         was not valid: failed to find export of function `run`; build it with bindings of the \
         current contract, or make it a component first to see more",
    );
}

/// Returns the custom section that the encoder reads, with its header.
fn metadata_of(module: &[u8]) -> &[u8] {
    let name = b"component-type";
    let at = module.windows(name.len()).position(|found| found == name);
    // The 4 bytes before the name are the section's id, the section's length in two bytes, and the name's length.
    &module[at.unwrap() - 4..]
}

/// The encoder panics on this metadata; see the module `wrap`.
#[test]
fn core_module_with_forged_metadata() {
    let forged = wat(r#"(component
        (type $world (component (import "test:guest/imported" (instance))))
        (export "guest" (type $world)))"#);
    let mut module = wat("(module)");
    module.extend(custom_section(b"component-type:guest", &forged));
    refused(
        &module,
        "the core module cannot be made a component: its metadata contradicts itself; build it \
         with bindings of the current contract, or make it a component first to see more",
    );
}

fn custom_section(name: &[u8], data: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap();
    let mut content = vec![length(name)];
    content.extend_from_slice(name);
    content.extend_from_slice(data);
    let mut section = vec![0, length(&content)];
    section.append(&mut content);
    section
}

#[test]
fn threads() {
    refused(
        &wat("(component (core module (memory 1 1 shared)))"),
        "the Wasm uses the feature threads, which the host does not enable: threads must be \
         enabled for shared memories (at offset 0x15); turn it off in the compiler's options",
    );
}

#[test]
fn several_memories_of_one_module() {
    refused(
        &wat("(component (core module (memory 1) (memory 1)))"),
        "the Wasm is not valid: multiple memories (at offset 0x14); build it again, and check that \
         the whole file was sent",
    );
}

#[test]
fn memory64() {
    refused(
        &wat("(component (core module (memory i64 1)))"),
        "the Wasm uses the feature memory64, which the host does not enable: memory64 must be \
         enabled for 64-bit memories (at offset 0x15); turn it off in the compiler's options",
    );
}

#[test]
fn import_that_is_not_an_interface() {
    refused(
        &wat(r#"(component (import "log" (func)))"#),
        "the component imports `log`, which is not an interface that the host provides; import only \
         interfaces of `dormouse:workflow` and WASI 0.2",
    );
}

#[test]
fn import_of_an_unknown_package() {
    let package = "package acme:billing@1.2.3; interface invoices { send: func(); }";
    refused(
        &importing("acme:billing/invoices@1.2.3", package),
        "the component imports `acme:billing/invoices@1.2.3`, and the host does not know the \
         package `acme:billing`; import only interfaces of `dormouse:workflow` and WASI 0.2, or \
         compose the component with one that implements this package",
    );
}

#[test]
fn import_of_a_wasi_package_that_is_not_given() {
    let package = "package wasi:keyvalue@0.2.0; interface store { get: func(); }";
    refused(
        &importing("wasi:keyvalue/store@0.2.0", package),
        "the component imports `wasi:keyvalue/store@0.2.0`, and the host does not know the \
         package `wasi:keyvalue`; import only interfaces of `dormouse:workflow` and WASI 0.2, or \
         compose the component with one that implements this package",
    );
}

#[test]
fn import_of_wasi_http() {
    let package = "package wasi:http@0.2.4; interface outgoing-handler { handle: func(); }";
    refused(
        &importing("wasi:http/outgoing-handler@0.2.4", package),
        "the component imports `wasi:http/outgoing-handler@0.2.4`; the host does not provide \
         `wasi:http`, since a request made with it would be made again whenever the run is \
         rebuilt; use the call of `dormouse:workflow/http`. A tool for JavaScript adds this import by itself, and leaves \
         it out if told so: `jco componentize --disable http --disable fetch-event`, or `disableFeatures: [\"http\", \
         \"fetch-event\"]` of componentize-js",
    );
}

#[test]
fn import_of_wasi_0_3() {
    let package = "package wasi:clocks@0.3.0; interface system-clock { now: func(); }";
    refused(
        &importing("wasi:clocks/system-clock@0.3.0", package),
        "the component imports `wasi:clocks/system-clock@0.3.0`, and the host provides only the \
         releases of version 0.2 of WASI; build with a toolchain that targets WASI 0.2",
    );
}

#[test]
fn import_of_a_draft_of_wasi_0_2() {
    let package = "package wasi:cli@0.2.0-rc-2023-11-10; interface stdin { get: func(); }";
    refused(
        &importing("wasi:cli/stdin@0.2.0-rc-2023-11-10", package),
        "the component imports `wasi:cli/stdin@0.2.0-rc-2023-11-10`, and the host provides only \
         the releases of version 0.2 of WASI; build with a toolchain that targets WASI 0.2",
    );
}

#[test]
fn import_of_another_version_of_the_contract() {
    let package = "package dormouse:workflow@0.2.0; interface timers { sleep: async func(); }";
    refused(
        &importing("dormouse:workflow/timers@0.2.0", package),
        "the component imports `dormouse:workflow/timers@0.2.0`, and the host provides version 0.1.0 \
         of `dormouse:workflow`; build it against that version, or deploy it to a newer host",
    );
}

#[test]
fn import_of_an_unknown_interface() {
    let guest = Guest::new(&format!("import dormouse:workflow/naps@0.1.0; {RUN}"))
        .where_contract_says(
            "interface timers {",
            "interface naps { use types.{duration, instant};",
        )
        .where_contract_says(
            "  use types.{duration, instant};\n\n  /// Waits for a span",
            "  /// Waits for a span",
        )
        .where_contract_says("import timers;", "import naps;");
    refused(
        &guest.component(),
        "the component imports `dormouse:workflow/naps@0.1.0`, and the contract has no such \
         interface; build it against the contract as published",
    );
}

#[test]
fn import_of_an_unknown_function() {
    let guest = Guest::new(&format!("import dormouse:workflow/timers@0.1.0; {RUN}"))
        .where_contract_says("sleep-until:", "nap:");
    refused(
        &guest.component(),
        "the component imports `nap` of `dormouse:workflow/timers@0.1.0`, and the contract has no \
         such item there; build it against the contract as published",
    );
}

#[test]
fn import_of_a_function_with_another_parameter() {
    let guest = Guest::new(&format!("import dormouse:workflow/events@0.1.0; {RUN}"))
        .where_contract_says(
            "timeout: option<duration>) -> option<payload>",
            "timeout: duration) -> option<payload>",
        );
    refused(
        &guest.component(),
        "the component imports `wait-for-event` of `dormouse:workflow/events@0.1.0` with another \
         type than the contract's: type mismatch in function parameter `timeout`: expected \
         option, found u64; build it against the contract as published",
    );
}

#[test]
fn import_of_a_function_that_is_not_async() {
    let guest = Guest::new(&format!("import dormouse:workflow/timers@0.1.0; {RUN}"))
        .where_contract_says("sleep: async func", "sleep: func");
    refused(
        &guest.component(),
        "the component imports `sleep` of `dormouse:workflow/timers@0.1.0` with another type than \
         the contract's: expected `async func`, found `func`; build it against the contract as \
         published",
    );
}

#[test]
fn import_of_a_record_with_another_field() {
    let guest = Guest::new(&format!("import dormouse:workflow/webhooks@0.1.0; {RUN}"))
        .where_contract_says("    accepted: instant,\n", "");
    refused(
        &guest.component(),
        "the component imports `delivery` of `dormouse:workflow/webhooks@0.1.0` with another type \
         than the contract's: expected 3 fields, found 2; build it against the contract as \
         published",
    );
}

#[track_caller]
fn refused_without_run(exports: &str, but: &str) {
    refused(
        &Guest::new(exports).component(),
        &format!(
            "the component does not export `run`{but}; export `run: async func(input: payload) -> \
             result<payload, failure>` of the world `dormouse:workflow/workflow`"
        ),
    );
}

#[test]
fn no_run() {
    refused_without_run(
        "import dormouse:workflow/timers@0.1.0;",
        " or anything else",
    );
    refused_without_run("export main: async func();", ", but `main`");
    refused_without_run("export a: func(); export b: func();", ", but `a` and `b`");
    let many = "export a: func(); export b: func(); export c: func(); export d: func(); \
                export e: func(); export f: func();";
    refused_without_run(many, ", but `a`, `b`, `c`, `d`, `e` and others");
}

#[test]
fn other_worlds() {
    for (package, export, what) in [
        (
            "package wasi:cli@0.2.3; interface run { run: func() -> result; }",
            "wasi:cli/run@0.2.3",
            "a command-line program",
        ),
        // If the exports were not checked before the imports, the error would be about the import.
        (
            "package wasi:http@0.2.0; interface types { f: func(); } \
             interface incoming-handler { handle: func(); }",
            "wasi:http/incoming-handler@0.2.0; import wasi:http/types@0.2.0",
            "a handler of HTTP requests",
        ),
    ] {
        let guest = Guest::new(&format!("export {export};")).with_package(package);
        let export = export.split(';').next().unwrap();
        refused(
            &guest.component(),
            &format!(
                "the component is {what} (it exports `{export}`), and not a workflow; export `run: \
                 async func(input: payload) -> result<payload, failure>` of the world \
                 `dormouse:workflow/workflow`, in Rust from a `cdylib` with `#[workflow]` before an \
                 `async fn`"
            ),
        );
    }
}

#[test]
fn run_that_cannot_wait() {
    let guest = Guest::new(&RUN.replace("async func", "func"));
    refused(
        &guest.component(),
        "the component exports `run` as `func`, and the contract says `async func`: every wait in \
         it would trap; declare it `async func` (the code behind it may still be written without \
         async)",
    );
}

#[test]
fn run_with_another_result() {
    let guest = Guest::new(&RUN.replace("result<payload, failure>", "payload"));
    refused(
        &guest.component(),
        "the component exports `run` with another type than the contract's: type mismatch with \
         result type: expected result, found record; export `run: async func(input: payload) -> \
         result<payload, failure>` of the world `dormouse:workflow/workflow`",
    );
}

#[test]
fn run_with_another_parameter_name() {
    let guest = Guest::new(&RUN.replace("input:", "argument:"));
    refused(
        &guest.component(),
        "the component exports `run` with another type than the contract's: expected parameter \
         named `input`, found `argument`; export `run: async func(input: payload) -> \
         result<payload, failure>` of the world `dormouse:workflow/workflow`",
    );
}

#[test]
fn run_that_is_not_a_function() {
    let component = wat(r#"(component (instance $empty) (export "run" (instance $empty)))"#);
    refused(
        &component,
        "the component exports `run` with another type than the contract's: expected func, found \
         instance; export `run: async func(input: payload) -> result<payload, failure>` of the \
         world `dormouse:workflow/workflow`",
    );
}
