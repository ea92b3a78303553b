//! Reads one file: removes its types, and finds its imports.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use oxc_allocator::Allocator;
use oxc_ast::ast::{Argument, CallExpression, Expression, ImportExpression, VariableDeclarator};
use oxc_ast_visit::{Visit, walk};
use oxc_codegen::{Codegen, CodegenOptions};
use oxc_parser::{Parser, ParserReturn};
use oxc_semantic::SemanticBuilder;
use oxc_span::SourceType;
use oxc_syntax::module_record::{ExportImportName, ImportImportName, ModuleRecord};
use oxc_transformer::Transformer;

use crate::async_context::carry;
use crate::bundle::{Kind, Module};
use crate::commonjs::{self, Requires};
use crate::dialect::Dialect;
use crate::edits::Edits;
use crate::error::{ScriptError, Written, place, syntax};
use crate::variables::variables;

/// A file as a module, with its imports.
pub(crate) struct Read {
    pub(crate) module: Module,
    pub(crate) imports: Vec<Import>,
    /// The names in `process.env` that the module reads.
    pub(crate) variables: BTreeSet<String>,
    /// The line in which the module calls a method `listen` while it is loaded.
    pub(crate) listens: Option<usize>,
}

/// One import of a module.
pub(crate) struct Import {
    pub(crate) name: String,
    /// The line of the import in the file, counted from 1.
    pub(crate) line: usize,
    /// True if the module cannot be evaluated without the import. False for `import()`, and for imports within a
    /// function or a `try`.
    pub(crate) required: bool,
    /// True if the import is a call of `require`.
    pub(crate) by_require: bool,
    /// The names that are imported from the other module, as far as they are written in the source.
    pub(crate) members: Vec<String>,
}

impl Import {
    /// Returns the error that the package of this name cannot work in a workflow.
    pub(crate) fn unusable(self, path: &str, hint: String) -> ScriptError {
        ScriptError::Unusable {
            path: path.to_owned(),
            line: self.line,
            name: self.name,
            hint,
        }
    }

    /// Returns the error that no module has this name.
    pub(crate) fn not_found(self, path: &str, hint: String) -> ScriptError {
        ScriptError::NotFound {
            path: path.to_owned(),
            line: self.line,
            name: self.name,
            hint,
        }
    }
}

/// Reads a file. `shown` is its name for people.
///
/// If `carries` is true, the module is changed so that it keeps values past `await`.
pub(crate) fn read(
    path: &Path,
    shown: &str,
    source: &str,
    dialect: &Dialect,
    carries: bool,
) -> Result<Read, ScriptError> {
    if path
        .extension()
        .is_some_and(|extension| extension == "json")
    {
        return read_json(shown, source);
    }
    let kind = SourceType::from_path(path).map_err(|_| ScriptError::Extension(path.to_owned()))?;
    let plain = javascript(path, shown, source, kind, dialect)?;
    let is_own = !is_of_package(path);
    let Parsed {
        kind,
        source,
        imports,
        variables,
        listens,
    } = parse(shown, &plain, kind, is_own, carries)?;
    let lines = plain.lines;
    let line = |line: usize| {
        lines
            .get(line.wrapping_sub(1))
            .map_or(line, |line| *line as usize)
    };
    let imports = imports.into_iter().map(|import| Import {
        line: line(import.line),
        ..import
    });
    Ok(Read {
        imports: imports.collect(),
        variables,
        listens: listens.map(line),
        module: Module {
            kind,
            source,
            imports: std::collections::BTreeMap::new(),
            lines,
        },
    })
}

/// Returns whether a file belongs to a package, and is not one of the author's own.
pub(crate) fn is_of_package(path: &Path) -> bool {
    path.iter().any(|folder| folder == "node_modules")
}

fn read_json(shown: &str, source: &str) -> Result<Read, ScriptError> {
    let source = source.trim_start_matches('\u{feff}');
    serde_json::from_str::<serde::de::IgnoredAny>(source).map_err(|error| {
        ScriptError::Syntax(format!(
            "{shown}:{}:{}: {error}",
            error.line(),
            error.column()
        ))
    })?;
    let module = Module {
        kind: Kind::Json,
        source: source.to_owned(),
        imports: std::collections::BTreeMap::new(),
        lines: Vec::new(),
    };
    Ok(Read {
        module,
        imports: Vec::new(),
        variables: BTreeSet::new(),
        listens: None,
    })
}

/// A file as JavaScript, without types and JSX.
struct Plain<'s> {
    /// The file as its author wrote it.
    written: &'s str,
    source: Cow<'s, str>,
    /// For each line of `source`, the line of `written` that it comes from. Empty if the two are the same.
    lines: Vec<u32>,
}

/// Compiles a file to JavaScript. A file that is JavaScript without JSX stays as it is.
fn javascript<'s>(
    path: &Path,
    shown: &str,
    source: &'s str,
    kind: SourceType,
    dialect: &Dialect,
) -> Result<Plain<'s>, ScriptError> {
    if kind.is_javascript() && !kind.is_jsx() {
        return Ok(Plain {
            written: source,
            source: source.into(),
            lines: Vec::new(),
        });
    }
    let allocator = Allocator::default();
    let ParserReturn {
        mut program,
        diagnostics,
        ..
    } = Parser::new(&allocator, source, kind).parse();
    if !diagnostics.is_empty() {
        return Err(syntax(shown, source, &diagnostics));
    }
    let refused = dialect.refuse(&program);
    if !refused.is_empty() {
        return Err(syntax(shown, source, &refused));
    }
    let semantic = SemanticBuilder::new().with_enum_eval(true).build(&program);
    let scoping = semantic.semantic.into_scoping();
    let options = dialect.options();
    let transformed =
        Transformer::new(&allocator, path, &options).build_with_scoping(scoping, &mut program);
    if !transformed.diagnostics.is_empty() {
        return Err(syntax(shown, source, &transformed.diagnostics));
    }
    let options = CodegenOptions {
        source_map_path: Some(path.to_owned()),
        ..CodegenOptions::default()
    };
    let printed = Codegen::new().with_options(options).build(&program);
    let mut lines = vec![0; printed.code.lines().count()];
    for token in printed.map.iter().flat_map(|map| map.get_tokens()) {
        if let Some(line) = lines.get_mut(token.get_dst_line() as usize)
            && *line == 0
        {
            *line = token.get_src_line() + 1;
        }
    }
    Ok(Plain {
        written: source,
        source: printed.code.into(),
        lines,
    })
}

/// A module as it is put into the bundle, with its imports.
struct Parsed {
    kind: Kind,
    source: String,
    imports: Vec<Import>,
    variables: BTreeSet<String>,
    listens: Option<usize>,
}

/// Finds the imports of a module and how it is evaluated, and adds the names of CommonJS that it lacks.
fn parse(
    shown: &str,
    plain: &Plain<'_>,
    kind: SourceType,
    is_own: bool,
    carries: bool,
) -> Result<Parsed, ScriptError> {
    let allocator = Allocator::default();
    let as_module = kind.is_module() || !kind.is_commonjs();
    let source_type = if as_module {
        SourceType::unambiguous()
    } else {
        SourceType::cjs()
    };
    let source = &*plain.source;
    let mut parsed = Parser::new(&allocator, source, source_type).parse();
    if plain.lines.is_empty() {
        let refused = Dialect::default().refuse(&parsed.program);
        parsed.diagnostics.extend(refused);
    }
    if !parsed.diagnostics.is_empty() {
        let written = Written {
            source: plain.written,
            lines: &plain.lines,
        };
        return Err(written.syntax(shown, source, &parsed.diagnostics));
    }
    let is_module =
        parsed.module_record.has_module_syntax || kind.is_typescript() && !kind.is_commonjs();
    let mut found = Found {
        source,
        imports: Vec::new(),
        conditional: 0,
        requires: Requires::default(),
        listens: None,
    };
    for (name, requests) in &parsed.module_record.requested_modules {
        let offset = requests
            .first()
            .map_or(0, |request| request.statement_span.start);
        found.add(name.as_str(), offset, false);
    }
    for import in &mut found.imports {
        import.members = members(&parsed.module_record, &import.name);
    }
    found.visit_program(&parsed.program);
    let mut edits = Edits::default();
    if is_module {
        let calls_require = found.imports.iter().any(|import| import.by_require);
        if commonjs::provide(&parsed.program, is_own, calls_require, &mut edits) {
            found.add("node:module", 0, false);
        }
    }
    if carries {
        carry(&parsed.program, &mut edits);
    }
    let Found {
        mut imports,
        listens,
        ..
    } = found;
    imports.sort_by(|a, b| (a.line, &a.name).cmp(&(b.line, &b.name)));
    Ok(Parsed {
        kind: if is_module { Kind::Esm } else { Kind::Cjs },
        variables: variables(&parsed.program),
        imports,
        listens,
        source: edits.apply(source),
    })
}

/// Returns the names that a module imports from another one, or exports from it, without `default`.
fn members(record: &ModuleRecord<'_>, of: &str) -> Vec<String> {
    let imported = record.import_entries.iter().filter_map(|entry| {
        let is_of = entry.module_request.name == of;
        match &entry.import_name {
            ImportImportName::Name(name) if is_of => Some(name.name.to_string()),
            _ => None,
        }
    });
    let exported = record.indirect_export_entries.iter().filter_map(|entry| {
        let is_of = entry
            .module_request
            .as_ref()
            .is_some_and(|request| request.name == of);
        match &entry.import_name {
            ExportImportName::Name(name) if is_of => Some(name.name.to_string()),
            _ => None,
        }
    });
    let names = imported.chain(exported);
    names.filter(|name| name != "default").collect()
}

/// Looks for calls of `require("…")`, `import("…")` and methods `listen`.
struct Found<'s> {
    source: &'s str,
    imports: Vec<Import>,
    /// How many functions and `try` statements enclose the current place.
    conditional: usize,
    requires: Requires,
    listens: Option<usize>,
}

impl Found<'_> {
    fn add(&mut self, name: &str, offset: u32, by_require: bool) {
        let (line, ..) = place(self.source, offset as usize);
        self.imports.push(Import {
            name: name.to_owned(),
            line,
            required: self.conditional == 0,
            by_require,
            members: Vec::new(),
        });
    }
}

impl<'a> Visit<'a> for Found<'_> {
    fn visit_call_expression(&mut self, call: &CallExpression<'a>) {
        if self.requires.is_called(&call.callee)
            && let Some(Argument::StringLiteral(name)) = call.arguments.first()
        {
            self.add(name.value.as_str(), call.span.start, true);
        }
        let called = call.callee.as_member_expression();
        let method = called.and_then(|called| called.static_property_name());
        if self.conditional == 0 && method.is_some_and(|name| name == "listen") {
            let (line, ..) = place(self.source, call.span.start as usize);
            self.listens = self.listens.or(Some(line));
        }
        walk::walk_call_expression(self, call);
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        self.requires.declared(declarator);
        walk::walk_variable_declarator(self, declarator);
    }

    fn visit_import_expression(&mut self, import: &ImportExpression<'a>) {
        if let Expression::StringLiteral(name) = &import.source {
            self.conditional += 1;
            self.add(name.value.as_str(), import.span.start, false);
            self.conditional -= 1;
        }
        walk::walk_import_expression(self, import);
    }

    fn visit_function(
        &mut self,
        function: &oxc_ast::ast::Function<'a>,
        flags: oxc_semantic::ScopeFlags,
    ) {
        self.conditional += 1;
        walk::walk_function(self, function, flags);
        self.conditional -= 1;
    }

    fn visit_arrow_function_expression(
        &mut self,
        function: &oxc_ast::ast::ArrowFunctionExpression<'a>,
    ) {
        self.conditional += 1;
        walk::walk_arrow_function_expression(self, function);
        self.conditional -= 1;
    }

    fn visit_try_statement(&mut self, attempt: &oxc_ast::ast::TryStatement<'a>) {
        self.conditional += 1;
        walk::walk_try_statement(self, attempt);
        self.conditional -= 1;
    }
}
