//! Makes small guests of WIT texts: valid guests, and guests with exactly one mistake.

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, SourceMap};

/// The export `run` as the contract says, with the types that it needs.
pub(crate) const RUN: &str = "use dormouse:workflow/types@0.1.0.{payload, failure};
    export run: async func(input: payload) -> result<payload, failure>;";

/// A guest to be built: a world, and the contract of `wit/`, in which some of the text may be replaced.
pub(crate) struct Guest {
    world: String,
    contract: String,
    dependencies: Vec<String>,
    abi: LiftLowerAbi,
}

impl Guest {
    /// Returns a guest whose world has these items.
    pub(crate) fn new(items: &str) -> Self {
        Self {
            world: format!("package test:guest;\nworld guest {{ {items} }}"),
            contract: contract(),
            dependencies: Vec::new(),
            abi: LiftLowerAbi::AsyncCallback,
        }
    }

    /// Replaces `from` by `to` in the contract that the guest is built against.
    pub(crate) fn where_contract_says(mut self, from: &str, to: &str) -> Self {
        assert!(self.contract.contains(from), "the contract says `{from}`");
        self.contract = self.contract.replace(from, to);
        self
    }

    /// Adds another package that the guest's world may import from.
    pub(crate) fn with_package(mut self, text: &str) -> Self {
        self.dependencies.push(text.to_owned());
        self
    }

    /// Builds the guest as bindings without async do.
    pub(crate) fn blocking(mut self) -> Self {
        self.abi = LiftLowerAbi::Sync;
        self
    }

    /// Returns the core module that a compiler would make of the guest.
    pub(crate) fn module(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let mut texts = SourceMap::default();
        texts.push_str("contract.wit", &self.contract);
        let contract = texts.parse().map_err(|(_, error)| error).unwrap();
        resolve.push_group(contract).unwrap();
        for text in &self.dependencies {
            resolve.push_source("dependency.wit", text).unwrap();
        }
        let package = resolve.push_source("guest.wit", &self.world).unwrap();
        let world = resolve.select_world(&[package], None).unwrap();
        let mangling = ManglingAndAbi::Legacy(self.abi);
        let mut module = wit_component::dummy_module(&resolve, world, mangling);
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .unwrap();
        module
    }

    /// Returns the component that is made of the core module.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut encoder = ComponentEncoder::default().module(&self.module()).unwrap();
        encoder.encode().unwrap()
    }
}

/// Returns the files of the contract as one text.
fn contract() -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let package = "package dormouse:workflow@0.1.0;";
    let mut text = format!("{package}\n");
    for file in files {
        text += &std::fs::read_to_string(file).unwrap().replace(package, "");
    }
    text
}
