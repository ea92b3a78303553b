//! What a name in an import means: a module of the host's own, or a file.

use std::path::{Path, PathBuf};

use oxc_resolver::{AliasValue, ResolveOptions, Resolver, TsconfigDiscovery};

/// The module that workflows are written against, under each name by which they import it.
const WORKFLOW: &str = "dormouse:workflow";

/// The packages that are this module.
const PACKAGES: [&str; 2] = ["@dormouse/sdk", "@upstash/workflow"];

/// What of Node is not there, and what to use instead.
const NODE: [(&str, &str); 22] = [
    ("assert", "throw an error"),
    ("buffer", "use Uint8Array and TextEncoder"),
    (
        "child_process",
        "a workflow starts no programs; call a service",
    ),
    ("cluster", "a workflow starts no programs"),
    ("crypto", "use the global `crypto`"),
    ("dgram", "a workflow has no sockets; use fetch"),
    ("dns", "a workflow has no sockets; use fetch"),
    ("events", "use EventTarget"),
    (
        "fs",
        "a workflow has no files; give it what it needs as its input, or fetch it",
    ),
    ("http", "use fetch"),
    ("http2", "use fetch"),
    ("https", "use fetch"),
    ("module", "import what you need"),
    ("net", "a workflow has no sockets; use fetch"),
    ("os", "a workflow has no machine"),
    ("path", "use URL, or the package `pathe`"),
    ("process", "use the global `process`"),
    ("stream", "read the whole body"),
    ("tls", "a workflow has no sockets; use fetch"),
    ("util", "use a package for it"),
    ("worker_threads", "start another run: context.invoke"),
    ("zlib", "use a package for it"),
];

/// What a name means.
pub(crate) enum Meant {
    /// A module of the host's own.
    Own(String),
    /// A file.
    File(PathBuf),
    /// Nothing. What to do stands with it.
    Nothing(String),
}

/// Finds what names mean.
pub(crate) struct Names {
    imports: Resolver,
    requires: Resolver,
}

impl Names {
    pub(crate) fn new() -> Self {
        Names {
            imports: Resolver::new(options("import")),
            requires: Resolver::new(options("require")),
        }
    }

    /// What a name means in a file.
    pub(crate) fn find(&self, file: &Path, name: &str, by_require: bool) -> Meant {
        if is_own(name) {
            return Meant::Own(WORKFLOW.to_owned());
        }
        let resolver = if by_require {
            &self.requires
        } else {
            &self.imports
        };
        if let Ok(found) = resolver.resolve_file(file, name) {
            return Meant::File(found.into_path_buf());
        }
        let bare = name.strip_prefix("node:").unwrap_or(name);
        let module = bare.split('/').next().unwrap_or(bare);
        if let Some((_, instead)) = NODE.iter().find(|(node, _)| *node == module) {
            return Meant::Nothing(format!(
                "it is a module of Node, which is not there; {instead}"
            ));
        }
        Meant::Nothing(if name.starts_with(['.', '/']) {
            "there is no such file".into()
        } else {
            let package: Vec<&str> = name
                .split('/')
                .take(if name.starts_with('@') { 2 } else { 1 })
                .collect();
            let package = package.join("/");
            format!(
                "there is no package {package} in a folder node_modules above it; install it with `npm install {package}`"
            )
        })
    }
}

fn is_own(name: &str) -> bool {
    PACKAGES.iter().any(|package| {
        name.strip_prefix(package)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn options(how: &str) -> ResolveOptions {
    let texts = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    ResolveOptions {
        tsconfig: Some(TsconfigDiscovery::Auto),
        condition_names: texts(&["workerd", "worker", "browser", how, "default"]),
        alias_fields: vec![texts(&["browser"])],
        main_fields: texts(&["browser", "module", "main"]),
        extensions: texts(&[
            ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".json",
        ]),
        extension_alias: vec![
            (".js".into(), texts(&[".ts", ".tsx", ".js"])),
            (".mjs".into(), texts(&[".mts", ".mjs"])),
            (".cjs".into(), texts(&[".cts", ".cjs"])),
        ],
        fallback: Vec::<(String, Vec<AliasValue>)>::new(),
        ..ResolveOptions::default()
    }
}
