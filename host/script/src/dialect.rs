//! How a file is compiled: the options of its `tsconfig.json` for decorators and JSX, and the syntax that cannot be compiled
//! for the engine.

use oxc_ast::ast::{AccessorProperty, AccessorPropertyType, Decorator, Program};
use oxc_ast_visit::{Visit, walk};
use oxc_diagnostics::OxcDiagnostic;
use oxc_resolver::CompilerOptions;
use oxc_transformer::{
    DecoratorOptions, HelperLoaderMode, JsxOptions, JsxRuntime, TransformOptions,
};

/// The options of `tsconfig.json` that matter when a file is compiled.
#[derive(Default, Clone)]
pub(crate) struct Dialect {
    decorators: bool,
    metadata: bool,
    strict_null_checks: bool,
    jsx: Jsx,
}

/// The options that say what JSX is compiled to.
#[derive(Default, Clone)]
struct Jsx {
    /// True if JSX becomes calls of a factory that is in scope, as with `"jsx": "react"`.
    is_classic: bool,
    factory: Option<String>,
    fragment_factory: Option<String>,
    /// The package whose `jsx-runtime` is imported if `is_classic` is false.
    import_source: Option<String>,
}

impl Dialect {
    pub(crate) fn of(options: &CompilerOptions) -> Self {
        let strict = options.strict_null_checks.or(options.strict);
        Dialect {
            decorators: options.experimental_decorators.unwrap_or_default(),
            metadata: options.emit_decorator_metadata.unwrap_or_default(),
            strict_null_checks: strict.unwrap_or_default(),
            // `preserve` leaves JSX to the next tool. This is the next tool, so it compiles JSX as if nothing were set.
            jsx: Jsx {
                is_classic: options.jsx.as_deref() == Some("react"),
                factory: options.jsx_factory.clone(),
                fragment_factory: options.jsx_fragment_factory.clone(),
                import_source: options.jsx_import_source.clone(),
            },
        }
    }

    pub(crate) fn options(&self) -> TransformOptions {
        let mut options = TransformOptions {
            decorator: DecoratorOptions {
                legacy: self.decorators,
                emit_decorator_metadata: self.metadata,
                strict_null_checks: self.strict_null_checks,
            },
            jsx: self.jsx.options(),
            ..TransformOptions::default()
        };
        // Without these, an import that only JSX uses would be taken for the import of a type, and be left out.
        if let Some(factory) = &self.jsx.factory {
            options.typescript.jsx_pragma = factory.clone().into();
        }
        if let Some(factory) = &self.jsx.fragment_factory {
            options.typescript.jsx_pragma_frag = factory.clone().into();
        }
        // The helpers are in a global of the runtime.
        options.helper_loader.mode = HelperLoaderMode::External;
        options
    }

    /// Returns an error for each part of a program that cannot be compiled.
    pub(crate) fn refuse(&self, program: &Program<'_>) -> Vec<OxcDiagnostic> {
        let mut refusing = SyntaxCheck {
            decorators: self.decorators,
            refused: Vec::new(),
        };
        if ["@", "accessor"]
            .iter()
            .any(|word| program.source_text.contains(word))
        {
            refusing.visit_program(program);
        }
        refusing.refused
    }
}

impl Jsx {
    fn options(&self) -> JsxOptions {
        let mut options = JsxOptions::enable();
        // The options for the classic runtime are errors with the automatic one, and the other way round.
        if self.is_classic {
            options.runtime = JsxRuntime::Classic;
            options.pragma.clone_from(&self.factory);
            options.pragma_frag.clone_from(&self.fragment_factory);
        } else {
            options.import_source.clone_from(&self.import_source);
        }
        options
    }
}

struct SyntaxCheck {
    decorators: bool,
    refused: Vec<OxcDiagnostic>,
}

impl<'a> Visit<'a> for SyntaxCheck {
    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        if !self.decorators {
            let message = "decorators are compiled only as TypeScript had them before the standard";
            let help = "set \"experimentalDecorators\": true in compilerOptions of tsconfig.json if the program is written for \
                        those; else call the function yourself";
            let refused = OxcDiagnostic::error(message).with_help(help);
            self.refused.push(refused.with_label(decorator.span));
        }
        walk::walk_decorator(self, decorator);
    }

    fn visit_accessor_property(&mut self, property: &AccessorProperty<'a>) {
        if property.r#type == AccessorPropertyType::AccessorProperty {
            let refused =
                OxcDiagnostic::error("the engine does not know `accessor` before a property")
                    .with_help("leave it out, or write a getter and a setter");
            self.refused.push(refused.with_label(property.span));
        }
        walk::walk_accessor_property(self, property);
    }
}
