//! Checks the metadata of a module: packages must not use each other in a circle.
//!
//! The encoder follows packages to the packages that they use, and does not notice when it comes back to one. So forged
//! metadata in which two packages use each other would exhaust the stack of the host, which cannot be caught like a
//! panic. The check finds such a circle by the same rule as the encoder: if a type of one instance is an alias of a
//! type of another instance, the package of the first uses the package of the second.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentInstanceTypeId, ComponentTypeId,
};
use wasmparser::types::Types;
use wasmparser::{Parser, Validator, WasmFeatures};

/// Returns true if packages in the metadata use each other in a circle. Returns false for metadata that cannot be read,
/// since the encoder reports what is wrong with it.
pub(crate) fn use_each_other(metadata: &[u8]) -> bool {
    if !Parser::is_component(metadata) {
        return false;
    }
    // The encoder also reads metadata with all features enabled.
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    match validator.validate_all(metadata) {
        Ok(types) => Uses::of(&types).have_circle(),
        Err(_) => false,
    }
}

/// The uses of packages by each other.
struct Uses<'t> {
    types: &'t Types,
    /// The package of each type that was seen.
    owners: HashMap<ComponentAnyTypeId, String>,
    uses: BTreeMap<String, BTreeSet<String>>,
}

impl<'t> Uses<'t> {
    fn of(types: &'t Types) -> Self {
        let mut uses = Uses {
            types,
            owners: HashMap::new(),
            uses: BTreeMap::new(),
        };
        let all = 0..types.as_ref().component_type_count();
        let mut left: Vec<ComponentTypeId> = all
            .rev()
            .filter_map(|index| match types.component_any_type_at(index) {
                ComponentAnyTypeId::Component(id) => Some(id),
                _ => None,
            })
            .collect();
        let mut seen = HashSet::new();
        while let Some(id) = left.pop() {
            if seen.insert(id) {
                uses.look_at(id, &mut left);
            }
        }
        uses
    }

    /// Notes the uses of the instances in a component, and adds the components in it to `left`.
    fn look_at(&mut self, id: ComponentTypeId, left: &mut Vec<ComponentTypeId>) {
        let types = self.types;
        let component = &types[id];
        for (name, item) in component.imports.iter().chain(&component.exports) {
            match item.ty {
                ComponentEntityType::Instance(instance) => self.note(name, instance),
                ComponentEntityType::Component(inner)
                | ComponentEntityType::Type {
                    created: ComponentAnyTypeId::Component(inner),
                    ..
                } => left.push(inner),
                _ => {}
            }
        }
    }

    /// Notes which packages the package of an instance uses.
    fn note(&mut self, name: &str, instance: ComponentInstanceTypeId) {
        let package = package_of(name);
        let types = self.types;
        for item in types[instance].exports.values() {
            let ComponentEntityType::Type {
                referenced,
                created,
            } = item.ty
            else {
                continue;
            };
            if let Some(owner) = self.owner(referenced)
                && owner != package
            {
                self.uses.entry(package.clone()).or_default().insert(owner);
            }
            self.owners.insert(created, package.clone());
        }
    }

    /// Returns the package of a type, if the type was seen or is an alias of a type that was seen.
    fn owner(&self, id: ComponentAnyTypeId) -> Option<String> {
        let mut current = Some(id);
        while let Some(id) = current {
            if let Some(owner) = self.owners.get(&id) {
                return Some(owner.clone());
            }
            current = self.types.as_ref().peel_alias(id);
        }
        None
    }

    /// Returns whether packages use each other in a circle. To find out, packages that use no package that is left are
    /// removed, until no package is left or none can be removed. If none can be removed, there is a circle.
    fn have_circle(mut self) -> bool {
        loop {
            let left: BTreeSet<String> = self.uses.keys().cloned().collect();
            let before = self.uses.len();
            self.uses
                .retain(|_, used| used.iter().any(|used| left.contains(used)));
            if self.uses.is_empty() {
                return false;
            }
            if self.uses.len() == before {
                return true;
            }
        }
    }
}

/// Returns the package of an interface with its version, from a name such as `wasi:io/poll@0.2.0`.
fn package_of(name: &str) -> String {
    let (package, rest) = name.split_once('/').unwrap_or(("", name));
    let version = rest.split_once('@').map_or("", |(_, version)| version);
    format!("{package}@{version}")
}
