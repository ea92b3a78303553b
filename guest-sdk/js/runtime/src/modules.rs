//! The workflow's modules, and how their imports are resolved and loaded. The bundler resolved all names when it had
//! the files, and each module has a table of the results.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rquickjs::loader::ImportAttributes;
use rquickjs::module::Declared;
use rquickjs::{Ctx, Error, Exception, Function, Module, Object, Result};
use serde::Deserialize;

use crate::own::own;

/// The bundle of the workflow.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Bundle {
    /// The id of the module that is evaluated.
    pub(crate) entry: String,
    /// Each module by its id, which is the name that people are shown.
    pub(crate) modules: BTreeMap<String, Source>,
    /// The variables in `process.env`, except for secrets.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Names in `process.env` that stand for secrets of the host.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
}

/// One module.
#[derive(Debug, Deserialize)]
pub(crate) struct Source {
    kind: Kind,
    source: String,
    /// For each name that the module imports, the id of the module that the name means.
    #[serde(default)]
    imports: BTreeMap<String, String>,
    /// For each line of `source`, the line of the author's file that it comes from. Empty if the lines are the same.
    #[serde(default)]
    lines: Vec<u32>,
    /// True if `source` was read.
    #[serde(skip)]
    was_read: bool,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Esm,
    Cjs,
    Json,
}

thread_local! {
    static BUNDLE: RefCell<Bundle> = RefCell::default();
}

/// Sets the bundle of the workflow.
pub(crate) fn take(bundle: Bundle) {
    BUNDLE.set(bundle);
}

/// Returns the id of the module that is evaluated.
pub(crate) fn entry() -> String {
    BUNDLE.with_borrow(|bundle| bundle.entry.clone())
}

/// Returns the contents of `process.env`: variables, and names of secrets.
pub(crate) fn env() -> (BTreeMap<String, String>, Vec<String>) {
    BUNDLE.with_borrow(|bundle| (bundle.env.clone(), bundle.secrets.clone()))
}

/// Returns the kind of a module: `esm`, `cjs` or `json`. None if there is no such module.
pub(crate) fn kind(id: &str) -> Option<&'static str> {
    if own(id).is_some() {
        return Some("esm");
    }
    BUNDLE.with_borrow(|bundle| {
        bundle.modules.get(id).map(|module| match module.kind {
            Kind::Esm => "esm",
            Kind::Cjs => "cjs",
            Kind::Json => "json",
        })
    })
}

/// Returns the text of a module.
pub(crate) fn source(id: &str) -> Option<String> {
    if let Some(own) = own(id) {
        return Some(own.to_owned());
    }
    BUNDLE.with_borrow_mut(|bundle| {
        let module = bundle.modules.get_mut(id)?;
        module.was_read = true;
        Some(module.source.clone())
    })
}

/// Forgets the texts that were read, since each module is read only once. The texts are overwritten, so that they do not
/// become part of the component with the workflow's first memory.
pub(crate) fn forget_read() {
    BUNDLE.with_borrow_mut(|bundle| {
        let read = bundle.modules.values_mut();
        for module in read.filter(|module| module.was_read) {
            let mut bytes = std::mem::take(&mut module.source).into_bytes();
            bytes.fill(0);
            // Without this, the compiler would leave out a write that nothing reads.
            std::hint::black_box(&bytes);
        }
    });
}

/// Returns the line of the author's file that a line of a module comes from.
pub(crate) fn line(id: &str, line: usize) -> usize {
    BUNDLE.with_borrow(|bundle| {
        let lines = bundle.modules.get(id).map(|module| &module.lines);
        let found = lines.and_then(|lines| lines.get(line.wrapping_sub(1)));
        found.map_or(line, |found| *found as usize)
    })
}

/// Returns the path that a module would have if there were files. It is below `/workflow`, so it does not reveal
/// folders of the author's machine.
pub(crate) fn place(id: &str) -> String {
    let mut folders = vec!["workflow"];
    for part in id.split('/') {
        match part {
            ".." => drop(folders.pop()),
            part => folders.push(part),
        }
    }
    format!("/{}", folders.join("/"))
}

/// Returns the module that would have this path.
pub(crate) fn at(place: &str) -> Option<String> {
    BUNDLE.with_borrow(|bundle| {
        let found = bundle.modules.keys().find(|id| self::place(id) == place);
        found.cloned()
    })
}

/// Sets the members of a module's `import.meta`.
fn describe(module: &Module<'_, Declared>, id: &str) -> Result<()> {
    let place = place(id);
    let mut url = url::Url::parse("file:///").map_err(|_| Error::Unknown)?;
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.clear().extend(place.split('/').skip(1));
    }
    let meta = module.meta()?;
    meta.set("url", url.as_str())?;
    meta.set(
        "dirname",
        place.rsplit_once('/').map_or("", |(folder, _)| folder),
    )?;
    meta.set("filename", place)?;
    // Bundlers for the web provide `import.meta.env`.
    let process: Object<'_> = module.ctx().globals().get("process")?;
    meta.set("env", process.get::<_, Object<'_>>("env")?)
}

/// Returns the id of the module that a name means in the module `base`.
pub(crate) fn resolve(base: &str, name: &str) -> Option<String> {
    let is_own =
        own(name).is_some() && (base.is_empty() || own(base).is_some() || base == "eval_script");
    if is_own {
        return Some(name.to_owned());
    }
    BUNDLE.with_borrow(|bundle| {
        let meant = bundle
            .modules
            .get(base)
            .and_then(|module| module.imports.get(name));
        meant
            .cloned()
            .or_else(|| (name == bundle.entry).then(|| name.to_owned()))
    })
}

/// Returns each module that imports the module `of`: its id, the name in the import, and its text.
pub(crate) fn importers(of: &str) -> Vec<(String, String, String)> {
    BUNDLE.with_borrow(|bundle| {
        let modules = bundle.modules.iter();
        let imports = modules.flat_map(|(id, module)| {
            let meant = module.imports.iter().filter(|(_, meant)| *meant == of);
            meant.map(move |(name, _)| (id.clone(), name.clone(), module.source.clone()))
        });
        imports.collect()
    })
}

pub(crate) struct Resolver;

impl rquickjs::loader::Resolver for Resolver {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        // The engine asks for a module that was resolved before by its id.
        let found = resolve(base, name).or_else(|| kind(name).map(|_| name.to_owned()));
        found.ok_or_else(|| {
            let message = format!(
                "{base} imports {name:?}, which was not found when the workflow was deployed"
            );
            Exception::throw_message(ctx, &message)
        })
    }
}

pub(crate) struct Loader;

impl rquickjs::loader::Loader for Loader {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> Result<Module<'js, Declared>> {
        match kind(name) {
            Some("esm") => {
                let source = source(name).unwrap_or_default();
                let module = Module::declare(ctx.clone(), name, source)?;
                if own(name).is_none() {
                    describe(&module, name)?;
                }
                Ok(module)
            }
            Some(_) => Module::declare(ctx.clone(), name, facade(ctx, name)?),
            None => Err(Error::new_loading(name)),
        }
    }
}

/// Returns the text of an ES module that exports the members of a CommonJS or JSON module, as they are now.
fn facade(ctx: &Ctx<'_>, id: &str) -> Result<String> {
    let require: Object<'_> = Module::import(ctx, "dormouse:require")?.finish()?;
    let names: Function<'_> = require.get("names")?;
    let names: Vec<String> = names.call((id,))?;
    let id = serde_json::to_string(id).unwrap_or_default();
    let mut text = format!(
        "import {{ load, byDefault }} from 'dormouse:require';const m = load({id});export default byDefault(m);"
    );
    for (place, name) in names.iter().enumerate() {
        let quoted = serde_json::to_string(name).unwrap_or_default();
        text += &format!("const v{place} = m[{quoted}];export {{ v{place} as {quoted} }};");
    }
    Ok(text)
}
