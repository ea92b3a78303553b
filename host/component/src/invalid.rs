//! Why an upload is refused.

/// Why an upload is refused. Each message says what is wrong with the upload and what to do. The server shows the
/// message unchanged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A file that is not Wasm, of a format that the host does not recognise.
    #[error(
        "this is not WebAssembly: it does not start with the bytes `\\0asm`; upload the binary `.wasm` file of a \
         component"
    )]
    NotWasm,

    /// An archive of object files.
    #[error(
        "this is an archive of object files, such as an `.rlib` or `.a`, and not WebAssembly; in Rust, write \
         `crate-type = [\"cdylib\"]` under `[lib]` in `Cargo.toml`, build with `--target wasm32-unknown-unknown \
         --release`, and upload the `.wasm` file"
    )]
    Archive,

    /// A program or library for a processor.
    #[error(
        "this is a program or library for a machine ({format}), and not WebAssembly; build it for Wasm, in Rust with \
         `--target wasm32-unknown-unknown --release`, and upload the `.wasm` file"
    )]
    Native {
        /// The name of the file's format.
        format: String,
    },

    /// Wasm whose version is neither that of core modules nor that of components.
    #[error(
        "this is WebAssembly of a version that the host does not know: `\\0asm` is followed by the bytes {version}; build \
         it with a current toolchain"
    )]
    UnknownVersion {
        /// The four bytes, in hexadecimal.
        version: String,
    },

    /// Wasm that does not parse or validate.
    #[error(
        "the Wasm is not valid: {reason}; build it again, and check that the whole file was sent"
    )]
    Malformed {
        /// The error of the validator, with the offset in bytes.
        reason: String,
    },

    /// Wasm that uses a feature which the host does not enable.
    #[error(
        "the Wasm uses the feature {feature}, which the host does not enable: {reason}; turn it off in the compiler's \
         options"
    )]
    Feature {
        /// The feature's name.
        feature: String,
        /// The error of the validator, with the offset in bytes.
        reason: String,
    },

    /// A core module that does not say which world it implements.
    #[error(
        "this is a core module without component metadata, so the host cannot make a component of it; in Rust, write \
         `#[workflow]` of `dormouse-sdk` before an `async fn`, and `crate-type = [\"cdylib\"]` under `[lib]`; otherwise \
         build it with bindings of the world `dormouse:workflow/workflow`, or make it a component first"
    )]
    NoMetadata,

    /// A core module for the predecessor of WASI 0.2.
    #[error(
        "the core module imports `{module}`, which is WASI 0.1; build for `wasm32-unknown-unknown` or \
         `wasm32-wasip2`, or make it a component with the adapter of WASI 0.1 first"
    )]
    WasiPreview1 {
        /// The name of the imported module.
        module: String,
    },

    /// A core module that calls JavaScript.
    #[error(
        "the core module imports `{module}` of `wasm-bindgen`: a dependency expects a browser; find it with `cargo tree \
         --target wasm32-unknown-unknown --invert wasm-bindgen`, and switch off its default features, or the feature \
         that asks for JavaScript (often `js`, `wasm_js`, `wasm-bindgen` or `wasmbind`)"
    )]
    WasmBindgen {
        /// The name of the imported module.
        module: String,
    },

    /// A core module that does not fit its own metadata.
    #[error(
        "the core module cannot be made a component: {reason}; build it with bindings of the current contract, or \
         make it a component first to see more"
    )]
    Unwrappable {
        /// The error of the encoder.
        reason: String,
    },

    /// An import that is not an interface of a package.
    #[error(
        "the component imports `{import}`, which is not an interface that the host provides; import only interfaces of \
         `dormouse:workflow` and WASI 0.2"
    )]
    ImportName {
        /// The import's name.
        import: String,
    },

    /// An import of a package that the host does not know.
    #[error(
        "the component imports `{import}`, and the host does not know the package `{package}`; import only interfaces \
         of `dormouse:workflow` and WASI 0.2, or compose the component with one that implements this package"
    )]
    UnknownPackage {
        /// The import's name.
        import: String,
        /// The import's package.
        package: String,
    },

    /// An import of `wasi:http`, of any version.
    #[error(
        "the component imports `{import}`; the host does not provide `wasi:http`, since a request made with it would be \
         made again whenever the run is rebuilt; use the call of `dormouse:workflow/http`. A tool for JavaScript adds this \
         import by itself, and leaves it out if told so: `jco componentize --disable http --disable fetch-event`, or \
         `disableFeatures: [\"http\", \"fetch-event\"]` of componentize-js"
    )]
    WasiHttp {
        /// The import's name.
        import: String,
    },

    /// An import of another version of WASI than 0.2.
    #[error(
        "the component imports `{import}`, and the host provides only the releases of version 0.2 of WASI; build with a \
         toolchain that targets WASI 0.2"
    )]
    WasiVersion {
        /// The import's name.
        import: String,
    },

    /// An import of another version of the contract.
    #[error(
        "the component imports `{import}`, and the host provides version {given} of `dormouse:workflow`; build it against \
         that version, or deploy it to a newer host"
    )]
    ContractVersion {
        /// The import's name.
        import: String,
        /// The version that the host provides.
        given: String,
    },

    /// An import of an interface that the contract does not have.
    #[error(
        "the component imports `{import}`, and the contract has no such interface; build it against the contract as \
         published"
    )]
    UnknownInterface {
        /// The import's name.
        import: String,
    },

    /// An import of an item that the contract's interface does not have.
    #[error(
        "the component imports `{item}` of `{import}`, and the contract has no such item there; build it against the \
         contract as published"
    )]
    UnknownItem {
        /// The interface's name.
        import: String,
        /// The function's or type's name.
        item: String,
    },

    /// An import of an item whose type is not the contract's.
    #[error(
        "the component imports `{item}` of `{import}` with another type than the contract's: {reason}; build it \
         against the contract as published"
    )]
    ItemType {
        /// The interface's name.
        import: String,
        /// The function's or type's name.
        item: String,
        /// The difference from the contract's type.
        reason: String,
    },

    /// A component of a world for programs that are not workflows.
    #[error(
        "the component is {what} (it exports `{export}`), and not a workflow; export `run: async func(input: payload) \
         -> result<payload, failure>` of the world `dormouse:workflow/workflow`, in Rust from a `cdylib` with \
         `#[workflow]` before an `async fn`"
    )]
    OtherWorld {
        /// The kind of program that such a component is.
        what: String,
        /// The export by which the world was recognised.
        export: String,
    },

    /// No export `run`.
    #[error(
        "the component does not export `run`{}; export `run: async func(input: payload) -> result<payload, failure>` \
         of the world `dormouse:workflow/workflow`",
        exported_instead(exports)
    )]
    NoRun {
        /// The names of the component's exports.
        exports: Vec<String>,
    },

    /// An export `run` that is declared as `func`, in which nothing can wait.
    #[error(
        "the component exports `run` as `func`, and the contract says `async func`: every wait in it would trap; \
         declare it `async func` (the code behind it may still be written without async)"
    )]
    RunNotAsync,

    /// An export `run` of another type.
    #[error(
        "the component exports `run` with another type than the contract's: {reason}; export `run: async func(input: \
         payload) -> result<payload, failure>` of the world `dormouse:workflow/workflow`"
    )]
    RunType {
        /// The difference from the contract's type.
        reason: String,
    },
}

impl Invalid {
    /// Converts an error of the validator to the refusal that the upload's author reads.
    pub(crate) fn malformed(error: &wasmparser::Error) -> Self {
        let reason = error.to_string();
        match error.missing_wasm_feature() {
            Some(missing) => Self::Feature {
                feature: feature_name(missing),
                reason,
            },
            None => Self::Malformed { reason },
        }
    }
}

/// Returns the component's exports as a part of a sentence, so that the author sees which program was uploaded.
fn exported_instead(exports: &[String]) -> String {
    /// How many exports are named. These are enough to recognise a program.
    const SHOWN: usize = 5;
    if exports.is_empty() {
        return " or anything else".to_owned();
    }
    let mut names: Vec<String> = exports
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{name}`"))
        .collect();
    if exports.len() > SHOWN {
        names.push("others".to_owned());
    }
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => {
            format!(", but {} and {last}", before.join(", "))
        }
        _ => format!(", but {}", names.concat()),
    }
}

fn feature_name(features: wasmparser::WasmFeatures) -> String {
    let names: Vec<String> = features
        .iter_names()
        .map(|(name, _)| name.to_lowercase().replace('_', "-"))
        .collect();
    names.join(" or ")
}
