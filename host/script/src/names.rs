//! Resolves the name in an import: to a module of the runtime, or to a file.

use std::path::{Path, PathBuf};

use oxc_resolver::{AliasValue, ResolveError, ResolveOptions, Resolver, TsconfigDiscovery};

use crate::dialect::Dialect;
use crate::substitute::substitute;

/// The id of the runtime's module that workflows are written against.
const WORKFLOW: &str = "dormouse:workflow";

/// The packages whose names mean the module [`WORKFLOW`].
const PACKAGES: [&str; 2] = ["@dormouse/sdk", "@upstash/workflow"];

/// The modules of Node that the runtime has.
const PROVIDED: [&str; 17] = [
    "assert",
    "async_hooks",
    "buffer",
    "crypto",
    "events",
    "module",
    "os",
    "path",
    "perf_hooks",
    "process",
    "querystring",
    "stream/web",
    "string_decoder",
    "timers",
    "timers/promises",
    "url",
    "util",
];

/// Other names of modules in [`PROVIDED`], each with the module's name.
const ALIASES: [(&str, &str); 4] = [
    ("assert/strict", "assert"),
    ("path/posix", "path"),
    ("sys", "util"),
    ("util/types", "util"),
];

/// The modules of Node that the runtime does not have, each with what to use instead.
const NODE: [(&str, &str); 27] = [
    (
        "child_process",
        "a workflow starts no programs; call a service",
    ),
    ("cluster", "a workflow starts no programs"),
    ("console", "use the global `console`"),
    ("constants", "write the number"),
    ("dgram", "a workflow has no sockets; use fetch"),
    (
        "diagnostics_channel",
        "a workflow has nobody who listens; use console",
    ),
    ("dns", "a workflow has no sockets; use fetch"),
    ("domain", "use try and catch"),
    (
        "fs",
        "a workflow has no files; give it what it needs as its input, or fetch it",
    ),
    ("http", "use fetch"),
    ("http2", "use fetch"),
    ("https", "use fetch"),
    ("inspector", "a workflow has no debugger; use console"),
    ("net", "a workflow has no sockets; use fetch"),
    ("punycode", "use URL, or the package `punycode`"),
    ("readline", "a workflow has no terminal"),
    ("repl", "a workflow has no terminal"),
    ("sqlite", "a workflow has no files; call a database"),
    ("test", "a workflow is not a test"),
    ("tls", "a workflow has no sockets; use fetch"),
    ("trace_events", "use console"),
    ("tty", "a workflow has no terminal"),
    ("v8", "the engine is another"),
    ("vm", "use a function"),
    ("wasi", "a workflow has no files"),
    ("worker_threads", "start another run: context.invoke"),
    (
        "zlib",
        "use a package for it, or CompressionStream of a package",
    ),
];

/// Packages that work by sockets, files or programs of the machine alone, each with what to use instead.
const SOCKETS: [(&str, &str); 21] = [
    ("amqplib", "use fetch, and a webhook for what comes"),
    ("better-sqlite3", "use `@libsql/client/web`"),
    (
        "discord.js",
        "use `@discordjs/rest`, and a webhook for what comes",
    ),
    ("got", "use fetch, or the package `ky` or `axios`"),
    ("imapflow", "use a mail service that calls a webhook"),
    ("ioredis", "use `@upstash/redis`"),
    ("kafkajs", "use fetch, and a webhook for what comes"),
    ("mongodb", "use a database that is called by fetch"),
    ("mongoose", "use a database that is called by fetch"),
    ("mqtt", "use fetch, and a webhook for what comes"),
    ("mssql", "use a database that is called by fetch"),
    ("mysql", "use `@planetscale/database`"),
    ("mysql2", "use `@planetscale/database`"),
    (
        "nodemailer",
        "use a mail service that is called by fetch, such as `resend`",
    ),
    ("pg", "use `@neondatabase/serverless`"),
    ("playwright", "call a service that has a browser"),
    ("postgres", "use `@neondatabase/serverless`"),
    ("puppeteer", "call a service that has a browser"),
    ("redis", "use `@upstash/redis`"),
    ("sharp", "call a service that converts images"),
    (
        "socket.io-client",
        "use fetch, and a webhook for what comes",
    ),
];

/// The modules by which SvelteKit gives the variables of the environment.
const ENVIRONMENT: [&str; 4] = [
    "$env/dynamic/private",
    "$env/dynamic/public",
    "$env/static/private",
    "$env/static/public",
];

/// The meaning of a name in an import.
pub(crate) enum ImportTarget {
    /// A module of the runtime, by its id.
    Own(String),
    /// A module that stands for a package or for a module of Node, by its id.
    Substitute(&'static str),
    /// A file.
    File(PathBuf),
    /// An empty module, as the `package.json` of the importing package says.
    Empty,
    /// A module of Node that the runtime does not have: its id, and what to use instead.
    Absent(String, &'static str),
    /// A module of SvelteKit with the variables of the environment.
    Environment,
    /// No module. The text says what to do.
    Nothing(String),
}

/// Resolves names in imports.
pub(crate) struct Names {
    imports: Resolver,
    requires: Resolver,
    /// Resolves names as if there were no files for browsers.
    beyond_pages: Resolver,
}

impl Names {
    pub(crate) fn new() -> Self {
        let beyond_pages = ResolveOptions {
            condition_names: ["import", "default"].map(str::to_owned).to_vec(),
            alias_fields: Vec::new(),
            main_fields: ["module", "main"].map(str::to_owned).to_vec(),
            ..options("import")
        };
        Names {
            imports: Resolver::new(options("import")),
            // A package that is required gives its CommonJS, if it has both.
            requires: Resolver::new(ResolveOptions {
                main_fields: ["browser", "main", "module"].map(str::to_owned).to_vec(),
                ..options("require")
            }),
            beyond_pages: Resolver::new(beyond_pages),
        }
    }

    /// Returns the options by which the project of a file compiles it.
    pub(crate) fn dialect(&self, file: &Path) -> Dialect {
        let found = self.imports.find_tsconfig(file).ok().flatten();
        found.map_or_else(Dialect::default, |found| {
            Dialect::of(&found.compiler_options)
        })
    }

    /// Returns the meaning of a name that a file imports.
    pub(crate) fn find(&self, file: &Path, name: &str, by_require: bool) -> ImportTarget {
        if is_own(name) {
            return ImportTarget::Own(WORKFLOW.to_owned());
        }
        let resolver = if by_require {
            &self.requires
        } else {
            &self.imports
        };
        let found = resolver.resolve_file(file, name);
        if matches!(found, Err(ResolveError::Ignored(_))) {
            return ImportTarget::Empty;
        }
        if let Some(provided) = provided(name) {
            return ImportTarget::Own(format!("node:{provided}"));
        }
        if let Some(substitute) = substitute(name) {
            return ImportTarget::Substitute(substitute);
        }
        let error = match found {
            Ok(found) => {
                return ImportTarget::File(self.without_dom(file, name, found.into_path_buf()));
            }
            Err(error) => error,
        };
        if let Some((module, instead)) = absent(name) {
            return ImportTarget::Absent(module, instead);
        }
        if ENVIRONMENT.contains(&name) {
            return ImportTarget::Environment;
        }
        ImportTarget::Nothing(self.missing(file, name, &error))
    }

    /// Returns the file that a name means, which is another than `found` if `found` is written for the pages of a browser. A
    /// workflow has no `DOMParser`, and packages that use it there have a parser of their own for other runtimes.
    fn without_dom(&self, file: &Path, name: &str, found: PathBuf) -> PathBuf {
        let parses = |file: &Path| {
            std::fs::read_to_string(file).is_ok_and(|text| text.contains("DOMParser"))
        };
        let is_named = |path: Option<&std::ffi::OsStr>| {
            path.is_some_and(|name| name.to_string_lossy().contains("browser"))
        };
        let folder = found.parent().filter(|folder| is_named(folder.file_name()));
        // A package may have a folder for browsers, in which other files than the first use it.
        let beside = folder.and_then(|folder| std::fs::read_dir(folder).ok());
        let is_for_pages = is_named(found.file_name()) && parses(&found)
            || beside.is_some_and(|files| files.flatten().any(|file| parses(&file.path())));
        if !is_for_pages {
            return found;
        }
        let other = self.beyond_pages.resolve_file(file, name);
        other.map_or(found, oxc_resolver::Resolution::into_path_buf)
    }

    /// Returns what the author can do about a name that means no module.
    fn missing(&self, file: &Path, name: &str, error: &ResolveError) -> String {
        if name.starts_with(['.', '/']) {
            return "there is no such file".into();
        }
        let config = self.imports.find_tsconfig(file).ok().flatten();
        let mapped = config.as_ref().and_then(|config| {
            let paths = config.compiler_options.paths.as_ref()?;
            let (pattern, places) = paths.iter().find(|(pattern, _)| matches(pattern, name))?;
            let folder = config.path.parent()?;
            let shown = |place: &PathBuf| {
                let place = place.strip_prefix(folder).unwrap_or(place);
                format!("{:?}", place.display().to_string())
            };
            let places: Vec<String> = places.iter().map(shown).collect();
            Some(format!(
                "`paths` of tsconfig.json maps {pattern:?} to {}, and there is no such file",
                places.join(", ")
            ))
        });
        if let Some(mapped) = mapped {
            return mapped;
        }
        let Some(package) = package(name) else {
            return "it is not the name of a package, and `paths` of tsconfig.json says nothing of it; import the file by its path"
                .into();
        };
        if let ResolveError::PackagePathNotExported { subpath, .. } = error {
            return format!("the package {package} is there, and exports no {subpath}");
        }
        format!(
            "there is no package {package} in a folder node_modules above it; install it with `npm install {package}`"
        )
    }
}

/// Returns whether a name matches a pattern of `paths` in `tsconfig.json`.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => {
            name.len() >= before.len() + after.len()
                && name.starts_with(before)
                && name.ends_with(after)
        }
        None => pattern == name,
    }
}

/// Returns the package that a name begins with. None if no package can have such a name.
fn package(name: &str) -> Option<String> {
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let parts: Vec<&str> = name.split('/').take(parts).collect();
    let is_named = |part: &&str| {
        let part = part.strip_prefix('@').unwrap_or(part);
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
    };
    let is_whole = !name.starts_with('@') || parts.len() == 2;
    (is_whole && parts.iter().all(is_named)).then(|| parts.join("/"))
}

/// Returns the module of Node that the runtime has under a name.
fn provided(name: &str) -> Option<&'static str> {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == bare);
    let bare = alias.map_or(bare, |(_, name)| name);
    PROVIDED.into_iter().find(|provided| *provided == bare)
}

/// Returns what to use instead of a package that cannot work in a workflow. None for any other package.
pub(crate) fn unusable(name: &str) -> Option<&'static str> {
    let found = SOCKETS.iter().find(|(package, _)| {
        let rest = name.strip_prefix(package);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    found.map(|(_, instead)| *instead)
}

/// Returns the id of a module of Node that the runtime does not have, and what to use instead.
fn absent(name: &str) -> Option<(String, &'static str)> {
    let bare = name.strip_prefix("node:").unwrap_or(name);
    let module = bare.split('/').next().unwrap_or(bare);
    let known = NODE.iter().find(|(node, _)| *node == module);
    // No package can have a name that begins with `node:`, so Node must have a module that the list lacks.
    let newer = name.starts_with("node:").then_some("it needs Node");
    let instead = known.map(|(_, instead)| *instead).or(newer)?;
    Some((format!("node:{bare}"), instead))
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
