//! Modules, as CommonJS asks for them, and those that refused a promise.

use rquickjs::context::EvalOptions;
use rquickjs::function::Func;
use rquickjs::{Ctx, Function, Module, Object, Result, Value};

use crate::modules;
use crate::values::wrong;

pub(super) fn add(host: &Object<'_>) -> Result<()> {
    host.set("kind", Func::from(kind))?;
    host.set("resolve", Func::from(resolve))?;
    host.set("place", Func::from(place))?;
    host.set("moduleAt", Func::from(module_at))?;
    host.set("compile", Func::from(compile))?;
    host.set("json", Func::from(json))?;
    host.set("import", Func::from(import))
}

/// `esm`, `cjs` or `json`; none for a module that is not there.
fn kind(id: String) -> Option<&'static str> {
    modules::kind(&id)
}

/// The module that a name means in a module; none if it means none.
fn resolve(base: String, name: String) -> Option<String> {
    modules::resolve(&base, &name)
}

/// Where a module would lie if there were files.
fn place(id: String) -> String {
    modules::place(&id)
}

/// The module that would lie there; none if there is none.
fn module_at(place: String) -> Option<String> {
    modules::at(&place)
}

/// The function that a CommonJS module is.
fn compile<'js>(ctx: Ctx<'js>, id: String) -> Result<Function<'js>> {
    let source = modules::source(&id).ok_or_else(|| wrong(&ctx, "there is no such module"))?;
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(id);
    // On one line with the module's first, so that its lines keep their numbers.
    let source =
        format!("(function (exports, require, module, __filename, __dirname) {{{source}\n}})");
    ctx.eval_with_options(source, options)
}

fn json<'js>(ctx: Ctx<'js>, id: String) -> Result<Value<'js>> {
    let source = modules::source(&id).ok_or_else(|| wrong(&ctx, "there is no such module"))?;
    ctx.json_parse(source)
}

/// The namespace of an ES module, for `require`.
fn import<'js>(ctx: Ctx<'js>, id: String) -> Result<Object<'js>> {
    Module::import(&ctx, id)?.finish()
}
