//! Keeps values past `await` for programs that use Node's `async_hooks`: a value that is set when an operation begins
//! is still set when the code after its `await` continues. The engine has no means for this. So each `await x` becomes
//! `kept(await keep(x))`, with two functions of the runtime: `keep` notes which values are set, and `kept` sets them
//! again. An async function stays one, since packages look at the kind of a function.

use oxc_ast::ast::{
    AwaitExpression, ForOfStatement, Function, LabeledStatement, Program, Statement,
    YieldExpression,
};
use oxc_ast_visit::{Visit, walk};
use oxc_semantic::ScopeFlags;
use oxc_span::GetSpan;

use crate::edits::Edits;

/// The global of the runtime that has the functions `keep`, `kept`, `here` and `after`.
const CARRIED: &str = "dormouseCarried";

/// Adds the calls that keep values to each place where a program waits.
pub(crate) fn carry(program: &Program<'_>, edits: &mut Edits) {
    let mut visitor = AsyncContextEdits {
        edits,
        is_around: false,
        gives_promises: false,
    };
    visitor.visit_program(program);
}

struct AsyncContextEdits<'e> {
    edits: &'e mut Edits,
    /// True if the `try` around the next loop was already begun, before the loop's label.
    is_around: bool,
    /// True if the enclosing function is an async generator. Any other generator runs with the values of its caller.
    gives_promises: bool,
}

impl AsyncContextEdits<'_> {
    /// Returns the name of a constant for one loop. It is a function that sets the values again that were set before
    /// the loop.
    fn name(of: &ForOfStatement<'_>) -> String {
        format!("{CARRIED}{}", of.span.start)
    }

    fn begin(&mut self, offset: u32, of: &ForOfStatement<'_>) {
        let name = Self::name(of);
        let begun = format!("{{const {name}={CARRIED}.here();try{{");
        self.edits.put(offset, begun);
    }

    fn end(&mut self, offset: u32, of: &ForOfStatement<'_>) {
        self.edits
            .put(offset, format!("}}finally{{{}()}}}}", Self::name(of)));
    }
}

impl<'a> Visit<'a> for AsyncContextEdits<'_> {
    fn visit_await_expression(&mut self, waits: &AwaitExpression<'a>) {
        self.edits.put(waits.span.start, format!("{CARRIED}.kept("));
        self.edits
            .put(waits.argument.span().start, format!("{CARRIED}.keep("));
        walk::walk_await_expression(self, waits);
        self.edits.put(waits.span.end, "))");
    }

    /// Sets the values again after `yield*` in an async generator, where the engine itself awaits the other generator.
    fn visit_yield_expression(&mut self, yields: &YieldExpression<'a>) {
        if !yields.delegate || !self.gives_promises {
            walk::walk_yield_expression(self, yields);
            return;
        }
        let begun = format!("{CARRIED}.after({CARRIED}.here(),");
        self.edits.put(yields.span.start, begun);
        walk::walk_yield_expression(self, yields);
        self.edits.put(yields.span.end, ")");
    }

    fn visit_function(&mut self, function: &Function<'a>, flags: ScopeFlags) {
        let before = std::mem::replace(
            &mut self.gives_promises,
            function.r#async && function.generator,
        );
        walk::walk_function(self, function, flags);
        self.gives_promises = before;
    }

    fn visit_labeled_statement(&mut self, labeled: &LabeledStatement<'a>) {
        let Some(of) = loop_of(&labeled.body).filter(|_| !self.is_around) else {
            walk::walk_labeled_statement(self, labeled);
            return;
        };
        self.begin(labeled.span.start, of);
        self.is_around = true;
        walk::walk_labeled_statement(self, labeled);
        self.end(labeled.span.end, of);
    }

    fn visit_for_of_statement(&mut self, of: &ForOfStatement<'a>) {
        if !of.r#await {
            walk::walk_for_of_statement(self, of);
            return;
        }
        let is_around = std::mem::take(&mut self.is_around);
        if !is_around {
            self.begin(of.span.start, of);
        }
        self.visit_for_statement_left(&of.left);
        self.visit_expression(&of.right);
        let body = of.body.span();
        self.edits
            .put(body.start, format!("{{{}();", Self::name(of)));
        self.visit_statement(&of.body);
        self.edits.put(body.end, "}");
        if !is_around {
            self.end(of.span.end, of);
        }
    }
}

/// Returns the `for await` loop that a label belongs to, also if further labels stand between the two.
fn loop_of<'s, 'a>(body: &'s Statement<'a>) -> Option<&'s ForOfStatement<'a>> {
    match body {
        Statement::LabeledStatement(labeled) => loop_of(&labeled.body),
        Statement::ForOfStatement(of) if of.r#await => Some(of),
        _ => None,
    }
}
