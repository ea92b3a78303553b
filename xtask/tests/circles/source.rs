//! Reads one source file: the names that it defines and imports, and the paths that its code names.
//!
//! Modules and items for tests alone (`#[cfg(test)]`) are left out. Within macro calls and attributes, whose grammar is
//! the macro's own, every sequence of identifiers joined by `::` counts as a path.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ForeignItem, Item, Meta, UseTree, Visibility};

/// The segments of a path, such as `crate::limits::Setting`.
pub(crate) type Path = Vec<String>;

/// One module, as its source describes it.
#[derive(Debug, Default)]
pub(crate) struct Source {
    /// The names of the items that the module defines itself.
    pub(crate) defined: BTreeSet<String>,
    /// The imports of the module and of its functions.
    pub(crate) imports: Vec<Import>,
    /// The paths that the module's code names.
    pub(crate) named: BTreeSet<Path>,
    /// The modules that lie in files of their own: `mod name;`.
    pub(crate) declared: Vec<String>,
    /// The modules that lie in the same file: `mod name { … }`.
    pub(crate) inline: Vec<(String, Source)>,
}

/// One name that a `use` brings in.
#[derive(Debug)]
pub(crate) struct Import {
    /// The path that is imported.
    pub(crate) path: Path,
    /// The name in this module. `None` for `*`, which brings in all names behind the path.
    pub(crate) name: Option<String>,
    /// True if others may import the name from here, as with `pub use`.
    pub(crate) reexported: bool,
}

impl Source {
    /// Reads the text of a source file.
    ///
    /// # Errors
    /// If the text is not Rust.
    pub(crate) fn read(text: &str) -> syn::Result<Self> {
        Ok(Source::of(&syn::parse_file(text)?.items))
    }

    fn of(items: &[Item]) -> Self {
        let mut source = Source::default();
        for item in items.iter().filter(|item| !is_for_tests(item)) {
            source.defined.extend(defined(item));
            source.visit_item(item);
        }
        source
    }

    /// Adds the paths in the tokens of a macro call or an attribute.
    fn name_paths(&mut self, tokens: TokenStream) {
        let mut path = Path::new();
        let mut colons = 0;
        let mut after_dot = false;
        for token in tokens {
            match token {
                TokenTree::Ident(_) if after_dot => {}
                TokenTree::Ident(segment) if colons == 2 => path.push(segment.to_string()),
                TokenTree::Ident(segment) => {
                    self.named
                        .insert(std::mem::replace(&mut path, vec![segment.to_string()]));
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Punct(punct) => {
                    self.named.insert(std::mem::take(&mut path));
                    after_dot = punct.as_char() == '.';
                    colons = 0;
                    continue;
                }
                TokenTree::Group(group) => self.name_paths(group.stream()),
                TokenTree::Literal(_) => {}
            }
            after_dot = false;
            colons = 0;
        }
        self.named.insert(path);
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        match &module.content {
            Some((_, items)) => self.inline.push((name, Source::of(items))),
            None => self.declared.push(name),
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            let reexported = !matches!(item.vis, Visibility::Inherited);
            add_imports(&item.tree, &[], reexported, &mut self.imports);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter();
            self.named
                .insert(segments.map(|segment| segment.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.name_paths(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.name_paths(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}

fn add_imports(tree: &UseTree, before: &[String], reexported: bool, imports: &mut Vec<Import>) {
    let with = |segment: &syn::Ident| {
        let mut path = before.to_vec();
        // `a::{self}` imports `a`.
        if segment != "self" || before.is_empty() {
            path.push(segment.to_string());
        }
        path
    };
    let mut add = |path: Path, name: Option<String>| {
        imports.push(Import {
            path,
            name,
            reexported,
        });
    };
    match tree {
        UseTree::Path(tree) => {
            add_imports(&tree.tree, &with(&tree.ident), reexported, imports);
        }
        UseTree::Name(tree) => {
            let path = with(&tree.ident);
            let name = path.last().cloned();
            add(path, name);
        }
        UseTree::Rename(tree) => add(with(&tree.ident), Some(tree.rename.to_string())),
        UseTree::Glob(_) => add(before.to_vec(), None),
        UseTree::Group(tree) => {
            for tree in &tree.items {
                add_imports(tree, before, reexported, imports);
            }
        }
    }
}

/// Returns the names that an item gives to its module.
fn defined(item: &Item) -> Vec<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        Item::Macro(item) => match &item.ident {
            Some(name) => name,
            None => return Vec::new(),
        },
        Item::ForeignMod(item) => return item.items.iter().filter_map(foreign).collect(),
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

fn foreign(item: &ForeignItem) -> Option<String> {
    match item {
        ForeignItem::Fn(item) => Some(item.sig.ident.to_string()),
        ForeignItem::Static(item) => Some(item.ident.to_string()),
        ForeignItem::Type(item) => Some(item.ident.to_string()),
        _ => None,
    }
}

fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(syn::ItemConst { attrs, .. })
        | Item::Enum(syn::ItemEnum { attrs, .. })
        | Item::ExternCrate(syn::ItemExternCrate { attrs, .. })
        | Item::Fn(syn::ItemFn { attrs, .. })
        | Item::ForeignMod(syn::ItemForeignMod { attrs, .. })
        | Item::Impl(syn::ItemImpl { attrs, .. })
        | Item::Macro(syn::ItemMacro { attrs, .. })
        | Item::Mod(syn::ItemMod { attrs, .. })
        | Item::Static(syn::ItemStatic { attrs, .. })
        | Item::Struct(syn::ItemStruct { attrs, .. })
        | Item::Trait(syn::ItemTrait { attrs, .. })
        | Item::TraitAlias(syn::ItemTraitAlias { attrs, .. })
        | Item::Type(syn::ItemType { attrs, .. })
        | Item::Union(syn::ItemUnion { attrs, .. })
        | Item::Use(syn::ItemUse { attrs, .. }) => attrs,
        _ => return false,
    };
    attributes.iter().any(|attribute| {
        let condition = attribute.path().is_ident("cfg").then_some(&attribute.meta);
        matches!(condition, Some(Meta::List(list)) if list.tokens.to_string() == "test")
    })
}
