//! Functions that resolve and load modules, for `require`.

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

/// Returns `esm`, `cjs` or `json`. None if there is no such module.
fn kind(id: String) -> Option<&'static str> {
    modules::kind(&id)
}

/// Returns the id of the module that a name means in the module `base`. None if the name means no module.
fn resolve(base: String, name: String) -> Option<String> {
    modules::resolve(&base, &name)
}

/// Returns the path that a module would have if there were files.
fn place(id: String) -> String {
    modules::place(&id)
}

/// Returns the module that would have this path. None if there is none.
fn module_at(place: String) -> Option<String> {
    modules::at(&place)
}

/// Compiles a CommonJS module to a function.
fn compile<'js>(ctx: Ctx<'js>, id: String) -> Result<Function<'js>> {
    let source = modules::source(&id).ok_or_else(|| wrong(&ctx, "there is no such module"))?;
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(id);
    // The function begins on the module's first line, so that the module's lines keep their numbers.
    let source =
        format!("(function (exports, require, module, __filename, __dirname) {{{source}\n}})");
    ctx.eval_with_options(source, options)
}

fn json<'js>(ctx: Ctx<'js>, id: String) -> Result<Value<'js>> {
    let source = modules::source(&id).ok_or_else(|| wrong(&ctx, "there is no such module"))?;
    ctx.json_parse(source)
}

/// Returns the namespace of an ES module.
fn import<'js>(ctx: Ctx<'js>, id: String) -> Result<Object<'js>> {
    Module::import(&ctx, id)?.finish()
}
