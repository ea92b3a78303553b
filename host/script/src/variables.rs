//! Finds the names in `process.env` that a module reads.

use std::collections::BTreeSet;

use oxc_ast::ast::{BindingPattern, Expression, MemberExpression, Program, VariableDeclarator};
use oxc_ast_visit::{Visit, walk};

/// Returns the names that a program reads by `process.env.NAME`, `process.env["NAME"]` or
/// `const { NAME } = process.env`, and in the same ways from `context.env` and `import.meta.env`.
pub(crate) fn variables(program: &Program<'_>) -> BTreeSet<String> {
    let mut found = Found::default();
    found.visit_program(program);
    found.names
}

#[derive(Default)]
struct Found {
    names: BTreeSet<String>,
}

impl<'a> Visit<'a> for Found {
    fn visit_member_expression(&mut self, member: &MemberExpression<'a>) {
        if is_env(member.object())
            && let Some(name) = member.static_property_name()
        {
            self.names.insert(name.to_string());
        }
        walk::walk_member_expression(self, member);
    }

    fn visit_variable_declarator(&mut self, declarator: &VariableDeclarator<'a>) {
        if let BindingPattern::ObjectPattern(pattern) = &declarator.id
            && declarator.init.as_ref().is_some_and(is_env)
        {
            let names = pattern.properties.iter();
            let names = names.filter_map(|property| property.key.static_name());
            self.names.extend(names.map(|name| name.to_string()));
        }
        walk::walk_variable_declarator(self, declarator);
    }
}

/// Returns whether an expression is `process.env`, `context.env` or `import.meta.env`.
fn is_env(expression: &Expression<'_>) -> bool {
    let Some(member) = expression.as_member_expression() else {
        return false;
    };
    let has_env = match member.object() {
        Expression::Identifier(object) => ["process", "context"].contains(&object.name.as_str()),
        Expression::ImportMeta(_) => true,
        _ => false,
    };
    has_env
        && member
            .static_property_name()
            .is_some_and(|name| name == "env")
}
