//! Provides the names that CommonJS modules have, for ES modules: `require`, `__filename` and `__dirname`. Authors use
//! them in ES modules because compilers of TypeScript make CommonJS modules of their files.

use std::collections::BTreeSet;

use oxc_ast::ast::{BindingPattern, Expression, Program, VariableDeclarator};
use oxc_semantic::SemanticBuilder;

use crate::edits::Edits;

/// The function of Node's `module` that makes a `require` for an ES module.
pub(crate) const CREATE_REQUIRE: &str = "createRequire";

/// The names of the variables of a module that are made by `createRequire`.
#[derive(Default)]
pub(crate) struct Requires {
    names: BTreeSet<String>,
}

impl Requires {
    /// Adds the name of a variable if it is made by `createRequire`.
    pub(crate) fn declared(&mut self, declarator: &VariableDeclarator<'_>) {
        if let BindingPattern::BindingIdentifier(name) = &declarator.id
            && declarator.init.as_ref().is_some_and(creates)
        {
            self.names.insert(name.name.to_string());
        }
    }

    /// Returns whether the callee of a call is a `require`.
    pub(crate) fn is_called(&self, callee: &Expression<'_>) -> bool {
        match callee {
            Expression::Identifier(name) => {
                name.name == "require" || self.names.contains(name.name.as_str())
            }
            other => creates(other),
        }
    }
}

/// Returns whether an expression is a call of `createRequire`.
fn creates(expression: &Expression<'_>) -> bool {
    let Expression::CallExpression(call) = expression else {
        return false;
    };
    match &call.callee {
        Expression::Identifier(name) => name.name == CREATE_REQUIRE,
        callee => callee
            .as_member_expression()
            .and_then(|member| member.static_property_name())
            .is_some_and(|name| name == CREATE_REQUIRE),
    }
}

/// Declares the names of CommonJS that an ES module uses and does not declare. Returns whether the module must import Node's
/// `module`.
///
/// An author's own file gets all of the names. A package gets only `require`, and only if it calls `require` without a
/// `typeof require`: some packages use that to find out whether they are CommonJS.
pub(crate) fn provide(
    program: &Program<'_>,
    is_own: bool,
    calls_require: bool,
    edits: &mut Edits,
) -> bool {
    let source = program.source_text;
    let mentions = ["require", "__filename", "__dirname"]
        .iter()
        .any(|word| source.contains(word));
    if !mentions {
        return false;
    }
    let semantic = SemanticBuilder::new().build(program).semantic;
    let free = semantic.scoping().root_unresolved_references();
    let uses = |word: &str| free.keys().any(|name| name.as_str() == word);
    let looks = source.contains("typeof require");
    let requires = uses("require") && (is_own || calls_require && !looks);
    let mut words = String::new();
    if requires {
        words += "import{createRequire as __createRequire}from\"node:module\";\
                  const require=__createRequire(import.meta.url);";
    }
    for (word, meaning) in [("__filename", "filename"), ("__dirname", "dirname")] {
        if is_own && uses(word) {
            words += &format!("const {word}=import.meta.{meaning};");
        }
    }
    // A first line that begins with `#!` must stay the first.
    let begin = program.hashbang.as_ref();
    edits.put(begin.map_or(0, |hashbang| hashbang.span.end + 1), words);
    requires
}
