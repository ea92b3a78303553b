//! How a file is compiled: what its `tsconfig.json` says of decorators and of JSX, and what is in no language that the engine
//! knows.

use oxc_ast::ast::{AccessorProperty, AccessorPropertyType, Decorator, Program};
use oxc_ast_visit::{Visit, walk};
use oxc_diagnostics::OxcDiagnostic;
use oxc_resolver::CompilerOptions;
use oxc_transformer::{
    DecoratorOptions, HelperLoaderMode, JsxOptions, JsxRuntime, TransformOptions,
};

/// What `tsconfig.json` says of a file.
#[derive(Default, Clone)]
pub(crate) struct Dialect {
    decorators: bool,
    metadata: bool,
    strict_null_checks: bool,
    jsx: Jsx,
}

/// What JSX is compiled to.
#[derive(Default, Clone)]
struct Jsx {
    /// Whether it is calls of a factory that is in scope, as `"jsx": "react"` has it.
    is_classic: bool,
    factory: Option<String>,
    fragment_factory: Option<String>,
    /// The package whose `jsx-runtime` is imported otherwise.
    import_source: Option<String>,
}

impl Dialect {
    pub(crate) fn of(options: &CompilerOptions) -> Self {
        let strict = options.strict_null_checks.or(options.strict);
        Dialect {
            decorators: options.experimental_decorators.unwrap_or_default(),
            metadata: options.emit_decorator_metadata.unwrap_or_default(),
            strict_null_checks: strict.unwrap_or_default(),
            // `preserve` leaves it to what comes next, which is this.
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
        // Or an import that only JSX uses would be taken for one of a type, and be left out.
        if let Some(factory) = &self.jsx.factory {
            options.typescript.jsx_pragma = factory.clone().into();
        }
        if let Some(factory) = &self.jsx.fragment_factory {
            options.typescript.jsx_pragma_frag = factory.clone().into();
        }
        // The runtime has them as globals.
        options.helper_loader.mode = HelperLoaderMode::External;
        options
    }

    /// What of a program cannot be compiled.
    pub(crate) fn refuse(&self, program: &Program<'_>) -> Vec<OxcDiagnostic> {
        let mut refusing = Refusing {
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
        // An option of one way is an error in the other.
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

struct Refusing {
    decorators: bool,
    refused: Vec<OxcDiagnostic>,
}

impl<'a> Visit<'a> for Refusing {
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
