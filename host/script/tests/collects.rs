//! How the imports of a workflow are resolved, and which variables of the environment it reads.

use std::fs;

use dormouse_script::{Collected, Kind, ScriptError, collect, upload_text, uploaded_text};
use tempfile::TempDir;

/// Collects `flow.ts` from a folder with these files.
fn collected(files: &[(&str, &str)]) -> Result<Collected, ScriptError> {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    collect(&folder.path().join("flow.ts"))
}

#[test]
fn a_module_of_node_is_available_or_substituted_or_refused() {
    let package = "import fs, { readFile } from 'fs'; import * as events from 'node:events';\n\
        import 'node:console'; import 'node:made-tomorrow';\n\
        export { request as r } from 'https'; export const a = () => readFile(fs, events);";
    let files = [
        ("flow.ts", "import { a } from 'thing'; export default a;"),
        (
            "node_modules/thing/package.json",
            r#"{"name": "thing", "type": "module", "main": "index.js"}"#,
        ),
        ("node_modules/thing/index.js", package),
    ];
    let bundle = collected(&files).unwrap().bundle;
    let imports = &bundle.modules["node_modules/thing/index.js"].imports;
    assert_eq!(imports["node:events"], "node:events");
    assert_eq!(imports["fs"], "node:fs");
    assert_eq!(imports["node:console"], "node:console");
    assert_eq!(imports["node:made-tomorrow"], "node:made-tomorrow");
    let stub = &bundle.modules["node:fs"];
    assert_eq!(stub.kind, Kind::Cjs);
    assert!(stub.source.contains(r#"["readFile"]"#), "{}", stub.source);
    assert!(
        bundle.modules["node:https"]
            .source
            .contains(r#"["request"]"#)
    );

    let own = [("flow.ts", "\nimport fs from 'fs'; fs.readFile();")];
    let refused = collected(&own).unwrap_err().to_string();
    assert!(refused.starts_with("flow.ts:2: \"fs\""), "{refused}");
}

/// An own file may import a module that the runtime does not have in many ways. Each is refused with the file, the line, and
/// what to use instead.
#[test]
fn a_module_of_node_that_an_own_file_imports_is_refused_with_what_to_use() {
    for name in [
        "http",
        "https",
        "net",
        "fs",
        "child_process",
        "worker_threads",
        "zlib",
    ] {
        for name in [name.to_owned(), format!("node:{name}")] {
            for import in [
                format!("import {{ a }} from '{name}'; a();"),
                format!("import * as a from '{name}'; a.b();"),
                format!("import '{name}';"),
                format!("export {{ a }} from '{name}';"),
                format!("export * from '{name}';"),
                format!("const a = require('{name}'); a.b();"),
            ] {
                let text = format!("\n\n{import}");
                let refused = collected(&[("flow.ts", &text)]).unwrap_err().to_string();
                let begin = format!(
                    "flow.ts:3: {name:?} is not found: it is a module of Node, which is not available; "
                );
                let instead = refused.strip_prefix(&begin);
                assert!(
                    instead.is_some_and(|instead| instead.len() > 5),
                    "{import}: {refused}"
                );
            }
        }
    }
}

/// An import within a function of an own file is refused when a run calls the function.
#[test]
fn a_module_of_node_that_is_asked_for_in_a_function_throws_with_what_to_use() {
    for (text, member) in [
        (
            "export const a = () => import('node:fs/promises');",
            "a workflow has no files",
        ),
        (
            "export const a = () => require('net').connect(1);",
            "a workflow has no sockets",
        ),
    ] {
        let bundle = collected(&[("flow.ts", text)]).unwrap().bundle;
        let stood_for = bundle.modules["flow.ts"].imports.values();
        let sources: String = stood_for
            .map(|id| bundle.modules.get(id).map_or("", |it| &it.source))
            .collect();
        assert!(sources.contains(member), "{text}: {sources}");
    }
}

#[test]
fn jsx_is_compiled_as_tsconfig_has_it() {
    let page = "import { h, Part } from './made'; export const page = <><p>text</p></>;";
    let compiled = |config: &str| {
        let packages = ["react", "other"].map(|name| format!("node_modules/{name}/jsx-runtime.js"));
        let files = [
            ("flow.ts", "import './page';"),
            ("page.tsx", page),
            ("made.ts", "export const h = 1, Part = 2;"),
            ("tsconfig.json", config),
            (&*packages[0], "exports.jsx = 1;"),
            (&*packages[1], "exports.jsx = 1;"),
        ];
        let bundle = collected(&files).unwrap().bundle;
        let page = &bundle.modules["page.tsx"];
        let imports: Vec<String> = page.imports.keys().cloned().collect();
        (page.source.clone(), imports)
    };
    let (_, imports) = compiled("{}");
    assert_eq!(imports, ["react/jsx-runtime"]);
    let (_, imports) = compiled(r#"{"compilerOptions": {"jsx": "preserve"}}"#);
    assert_eq!(imports, ["react/jsx-runtime"]);
    let (_, imports) =
        compiled(r#"{"compilerOptions": {"jsx": "react-jsx", "jsxImportSource": "other"}}"#);
    assert_eq!(imports, ["other/jsx-runtime"]);
    let (source, imports) = compiled(
        r#"{"compilerOptions": {"jsx": "react", "jsxFactory": "h", "jsxFragmentFactory": "Part"}}"#,
    );
    assert_eq!(imports, ["./made"]);
    assert!(source.contains("h(Part, null"), "{source}");
}

#[test]
fn a_file_that_a_package_disables_for_browsers_is_empty() {
    let files = [
        ("flow.ts", "import a from 'thing'; export default a;"),
        (
            "node_modules/thing/package.json",
            r#"{"name": "thing", "main": "index.js", "browser": {"crypto": false, "./node.js": "./web.js"}}"#,
        ),
        (
            "node_modules/thing/index.js",
            "exports.a = [require('crypto'), require('./node.js')];",
        ),
        ("node_modules/thing/node.js", "exports.a = 1;"),
        ("node_modules/thing/web.js", "exports.a = 2;"),
    ];
    let bundle = collected(&files).unwrap().bundle;
    let imports = &bundle.modules["node_modules/thing/index.js"].imports;
    assert_eq!(imports["./node.js"], "node_modules/thing/web.js");
    let empty = &bundle.modules[&imports["crypto"]];
    assert_eq!((empty.kind, empty.source.as_str()), (Kind::Cjs, ""));
}

#[test]
fn the_authors_own_files_say_what_they_read_of_the_environment() {
    let files = [
        (
            "flow.ts",
            "import './more'; import 'thing'; const { A, B: b = 1 } = process.env; export default [A, b, process.env.C, \
             process.env['D'], (context: any) => context.env.E, env.F, process.env[A]];",
        ),
        ("more.js", "export const g = process.env.G ?? 1;"),
        ("node_modules/thing/package.json", r#"{"name": "thing"}"#),
        ("node_modules/thing/index.js", "exports.h = process.env.H;"),
    ];
    let variables = collected(&files).unwrap().variables;
    let names: Vec<&str> = variables.iter().map(String::as_str).collect();
    assert_eq!(names, ["A", "B", "C", "D", "E", "G"]);
}

#[test]
fn values_go_past_await_only_where_a_program_asks_for_it() {
    let other = "export const f = async () => { for await (const a of g()) await a; };\n\
        async function* g() { yield await 1; }\n";
    let plain = [
        (
            "flow.ts",
            "import { f } from './other.js'; export default f;",
        ),
        ("other.js", other),
    ];
    let bundle = collected(&plain).unwrap().bundle;
    assert_eq!(bundle.modules["other.js"].source, other);
    let asking = [
        (
            "flow.ts",
            "import { AsyncLocalStorage } from 'async_hooks'; import { f } from './other.js'; export default [f, AsyncLocalStorage];",
        ),
        ("other.js", other),
    ];
    let bundle = collected(&asking).unwrap().bundle;
    let source = &bundle.modules["other.js"].source;
    assert!(source.contains("dormouseCarried.keep(a)"), "{source}");
    assert!(source.contains("dormouseCarried.keep(1)"), "{source}");
    assert_eq!(source.matches(".here()").count(), 1, "{source}");
    assert_eq!(bundle.modules["other.js"].kind, Kind::Esm);
}

#[test]
fn a_text_is_uploaded_as_it_is() {
    let text = "const a = \"\\n\u{1f980}\";\n";
    assert_eq!(uploaded_text(&upload_text(text)).as_deref(), Some(text));
    let bundle = collected(&[("flow.ts", "export default 1;")])
        .unwrap()
        .bundle;
    assert_eq!(uploaded_text(&bundle.encode()), None);
}

#[test]
fn a_literal_require_is_bundled_however_it_was_made() {
    let files = [
        (
            "flow.ts",
            "#!/usr/bin/env node\nimport { createRequire } from 'module';\nconst load = createRequire(import.meta.url);\n\
             export default [load('./a'), require('./b'), createRequire(import.meta.url)('./c'), __dirname];",
        ),
        ("a.js", "exports.a = 1;"),
        ("b.js", "exports.b = 1;"),
        (
            "c.js",
            "import './d.js'; const require = (name) => name; export default require('./a');",
        ),
        ("d.js", "export const d = typeof require;"),
    ];
    let bundle = collected(&files).unwrap().bundle;
    let flow = &bundle.modules["flow.ts"];
    for name in ["a", "b", "c"] {
        assert_eq!(flow.imports[&format!("./{name}")], format!("{name}.js"));
    }
    let lines: Vec<&str> = flow.source.lines().collect();
    assert!(lines[1].contains("const require="), "{}", flow.source);
    assert!(lines[1].contains("const __dirname="), "{}", flow.source);
    // The module `c.js` declares its own `require`.
    assert!(!bundle.modules["c.js"].source.contains("createRequire"));
}

#[test]
fn decorators_are_compiled_as_the_project_has_them_or_refused_with_their_place() {
    let flow = "interface Other {\n  a: string;\n}\n\nconst post = (path: string) => (target: object, key: string) => {};\n\
        const req = (target: object, key: string, place: number) => {};\n\nclass Controller {\n  @post('a')\n  \
        add(@req request: Other) { return request; }\n}\nexport default Controller;\n";
    let refused = collected(&[("flow.ts", flow)]).unwrap_err().to_string();
    assert!(
        refused.starts_with("flow.ts:9:3: decorators") && refused.contains("@post('a')"),
        "{refused}"
    );
    assert!(refused.contains("experimentalDecorators"), "{refused}");
    let project = [
        ("flow.ts", flow),
        (
            "tsconfig.json",
            r#"{"compilerOptions": {"experimentalDecorators": true, "emitDecoratorMetadata": true}}"#,
        ),
    ];
    let bundle = collected(&project).unwrap().bundle;
    let source = &bundle.modules["flow.ts"].source;
    for called in ["decorate(", "decorateParam(0, req)", "decorateMetadata("] {
        let called = format!("babelHelpers.{called}");
        assert!(source.contains(&called), "{called}: {source}");
    }
    let field =
        "interface A {\n  a: string;\n}\nclass B {\n  accessor x = 1;\n}\nexport default B;\n";
    for name in ["flow.ts", "plain.js"] {
        let text = if name == "flow.ts" {
            field
        } else {
            &field[field.find("class").unwrap()..]
        };
        let files = [("flow.ts", "import './plain.js';"), (name, text)];
        let refused = collected(&files).unwrap_err().to_string();
        assert!(refused.contains("`accessor`"), "{refused}");
        assert!(refused.contains("accessor x = 1;"), "{refused}");
    }
}

#[test]
fn a_package_that_cannot_work_is_refused_with_what_to_use_if_an_own_file_imports_it() {
    let files = [
        ("flow.ts", "\nimport pg from 'pg';\nexport default pg;"),
        (
            "node_modules/pg/package.json",
            r#"{"name": "pg", "main": "index.js"}"#,
        ),
        ("node_modules/pg/index.js", "module.exports = {};"),
        ("node_modules/thing/index.js", "exports.pg = require('pg');"),
    ];
    let refused = collected(&files).unwrap_err().to_string();
    let begin = "flow.ts:2: \"pg\" cannot be used: a workflow has no sockets";
    assert!(refused.starts_with(begin), "{refused}");
    assert!(
        refused.ends_with("use `@neondatabase/serverless`"),
        "{refused}"
    );
    // An import of types alone does not use a package, and a package may have ways without it.
    for flow in [
        "import type { Pool } from 'pg'; export default 1;",
        "import { pg } from 'thing'; export default pg;",
    ] {
        let files = [&[("flow.ts", flow)], &files[1..]].concat();
        collected(&files).unwrap();
    }
}

#[test]
fn the_file_of_a_package_for_browsers_is_not_used_if_there_is_another() {
    let files = [
        (
            "flow.ts",
            "import { parse } from 'thing'; import all from 'folder'; export default [parse, all];",
        ),
        (
            "node_modules/thing/package.json",
            r#"{"name": "thing", "main": "index.js", "browser": {"./parse.js": "./parse.browser.js", "./read.js": "./read.browser.js"}}"#,
        ),
        (
            "node_modules/thing/index.js",
            "exports.parse = require('./parse.js'); exports.read = require('./read.js');",
        ),
        ("node_modules/thing/parse.js", ""),
        ("node_modules/thing/parse.browser.js", "new DOMParser();"),
        ("node_modules/thing/read.js", ""),
        ("node_modules/thing/read.browser.js", "fetch;"),
        (
            "node_modules/folder/package.json",
            r#"{"name": "folder", "exports": {"browser": "./browser/index.js", "import": "./esm/index.js"}}"#,
        ),
        (
            "node_modules/folder/browser/index.js",
            "export { default } from './xml.js';",
        ),
        (
            "node_modules/folder/browser/xml.js",
            "export default new DOMParser();",
        ),
        ("node_modules/folder/esm/index.js", "export default 1;"),
    ];
    let modules = collected(&files).unwrap().bundle.modules;
    for (name, is_there) in [
        ("thing/parse.js", true),
        ("thing/parse.browser.js", false),
        ("thing/read.js", false),
        ("thing/read.browser.js", true),
        ("folder/esm/index.js", true),
        ("folder/browser/index.js", false),
    ] {
        let id = format!("node_modules/{name}");
        assert_eq!(modules.contains_key(&id), is_there, "{name}");
    }
}

/// A package that is required gives its CommonJS, if it has both: what compilers made of `import x from` looks for a mark that
/// an ES module lacks.
#[test]
fn a_package_that_is_required_gives_its_commonjs() {
    let files = [
        (
            "flow.ts",
            "import a from 'asks'; import both from 'both'; export default [a, both];",
        ),
        (
            "node_modules/asks/index.js",
            "module.exports = require('both');",
        ),
        (
            "node_modules/both/package.json",
            r#"{"name": "both", "main": "main.js", "module": "module.mjs"}"#,
        ),
        ("node_modules/both/main.js", ""),
        ("node_modules/both/module.mjs", "export default 1;"),
    ];
    let modules = collected(&files).unwrap().bundle.modules;
    let asks = &modules["node_modules/asks/index.js"].imports;
    assert_eq!(asks["both"], "node_modules/both/main.js");
    assert_eq!(
        modules["flow.ts"].imports["both"],
        "node_modules/both/module.mjs"
    );
}
