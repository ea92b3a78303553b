//! How a file is compiled: what its `tsconfig.json` says of decorators, and what is in no language that the engine knows.

use oxc_ast::ast::{AccessorProperty, AccessorPropertyType, Decorator, Program};
use oxc_ast_visit::{Visit, walk};
use oxc_diagnostics::OxcDiagnostic;
use oxc_resolver::CompilerOptions;
use oxc_transformer::{DecoratorOptions, HelperLoaderMode, TransformOptions};

/// What `tsconfig.json` says of a file.
#[derive(Default, Clone, Copy)]
pub(crate) struct Dialect {
    decorators: bool,
    metadata: bool,
    strict_null_checks: bool,
}

impl Dialect {
    pub(crate) fn of(options: &CompilerOptions) -> Self {
        let strict = options.strict_null_checks.or(options.strict);
        Dialect {
            decorators: options.experimental_decorators.unwrap_or_default(),
            metadata: options.emit_decorator_metadata.unwrap_or_default(),
            strict_null_checks: strict.unwrap_or_default(),
        }
    }

    pub(crate) fn options(self) -> TransformOptions {
        let mut options = TransformOptions {
            decorator: DecoratorOptions {
                legacy: self.decorators,
                emit_decorator_metadata: self.metadata,
                strict_null_checks: self.strict_null_checks,
            },
            ..TransformOptions::default()
        };
        // The runtime has them as globals.
        options.helper_loader.mode = HelperLoaderMode::External;
        options
    }

    /// What of a program cannot be compiled.
    pub(crate) fn refuse(self, program: &Program<'_>) -> Vec<OxcDiagnostic> {
        let mut refusing = Refusing {
            dialect: self,
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

struct Refusing {
    dialect: Dialect,
    refused: Vec<OxcDiagnostic>,
}

impl<'a> Visit<'a> for Refusing {
    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        if !self.dialect.decorators {
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
