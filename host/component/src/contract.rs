//! The contract of `wit/` as types, with which the types of a component are compared.
//!
//! The texts are encoded as a WIT package in binary form, and the same validator reads this package and the upload. So
//! the two sets of types can be compared. An upload is never turned into WIT: the validator's types are bounded in depth
//! and size, and contain all that is needed.

use std::sync::LazyLock;

use anyhow::{Context, anyhow, bail};
use wasmparser::Validator;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentType, ComponentTypeId, SubtypeCx,
};
use wasmparser::types::{Types, TypesRef};
use wit_parser::{Resolve, SourceMap};

use crate::{Invalid, features};

/// The name of the contract's package.
pub(crate) const PACKAGE: &str = "dormouse:workflow";

/// The version of the contract in `wit/`.
pub(crate) const VERSION: &str = "0.1.0";

/// The name of the world's only export.
pub(crate) const RUN: &str = "run";

const WORLD: &str = "workflow";

const TEXTS: [(&str, &str); 9] = [
    ("context.wit", include_str!("../../../wit/context.wit")),
    ("events.wit", include_str!("../../../wit/events.wit")),
    ("http.wit", include_str!("../../../wit/http.wit")),
    ("runs.wit", include_str!("../../../wit/runs.wit")),
    ("steps.wit", include_str!("../../../wit/steps.wit")),
    ("timers.wit", include_str!("../../../wit/timers.wit")),
    ("types.wit", include_str!("../../../wit/types.wit")),
    ("webhooks.wit", include_str!("../../../wit/webhooks.wit")),
    ("workflow.wit", include_str!("../../../wit/workflow.wit")),
];

#[expect(
    clippy::expect_used,
    reason = "the texts are compiled in, so this can only fail for every upload alike, and then in the first test"
)]
static ENCODED: LazyLock<Vec<u8>> =
    LazyLock::new(|| encode().expect("the contract's texts are valid WIT"));

/// The contract, and the validator that read it. The types of an upload can be compared with the contract only if the same
/// validator reads the upload.
pub(crate) struct Contract {
    validator: Validator,
    types: Types,
    world: ComponentTypeId,
    run: ComponentEntityType,
}

impl Contract {
    pub(crate) fn read() -> Self {
        let mut validator = Validator::new_with_features(features());
        #[expect(
            clippy::expect_used,
            reason = "what is read here is compiled in, as above"
        )]
        let (types, world, run) =
            read_world(&mut validator).expect("the contract's encoding holds its world and `run`");
        Self {
            validator,
            types,
            world,
            run,
        }
    }

    /// Validates a component, and returns its types. They can be compared with [`Contract::types`].
    pub(crate) fn validate(&mut self, component: &[u8]) -> Result<Types, Invalid> {
        self.validator.reset();
        self.validator
            .validate_all(component)
            .map_err(|error| Invalid::malformed(&error))
    }

    pub(crate) fn types(&self) -> TypesRef<'_> {
        self.types.as_ref()
    }

    /// Returns the world that a workflow implements: what it may import, and what it must export.
    pub(crate) fn world(&self) -> &ComponentType {
        &self.types[self.world]
    }

    /// Returns the type of the export `run`.
    pub(crate) fn run(&self) -> &ComponentEntityType {
        &self.run
    }

    /// Checks that an item of a component has the type that the contract says. The error says what differs. Types of
    /// functions and values must be exactly the same, since the component model has no subtyping for them.
    pub(crate) fn compare(
        &self,
        types: TypesRef<'_>,
        found: &ComponentEntityType,
        expected: &ComponentEntityType,
    ) -> Result<(), String> {
        if let (ComponentEntityType::Func(found), ComponentEntityType::Func(expected)) =
            (found, expected)
        {
            let kind = |is_async| if is_async { "async func" } else { "func" };
            let (found, expected) = (types[*found].async_, self.types[*expected].async_);
            if found != expected {
                let (found, expected) = (kind(found), kind(expected));
                return Err(format!("expected `{expected}`, found `{found}`"));
            }
        }
        SubtypeCx::new_with_refs(types, self.types())
            .component_entity_type(found, expected, 0)
            .map_err(|error| error.message().replace('\n', ": "))
    }
}

fn encode() -> anyhow::Result<Vec<u8>> {
    let mut texts = SourceMap::default();
    for (path, text) in TEXTS {
        texts.push_str(path, text);
    }
    let group = texts
        .parse()
        .map_err(|(_, error)| anyhow!("{error}"))
        .context("the texts do not parse")?;
    let mut resolve = Resolve::default();
    let package = resolve.push_group(group)?;
    wit_component::encode(&resolve, package)
}

/// Returns the contract's types, its world, and the type of `run`. A WIT package in binary form exports a component type
/// for each interface and world, by its plain name. The component type of a world exports the world itself, by its full
/// name.
fn read_world(
    validator: &mut Validator,
) -> anyhow::Result<(Types, ComponentTypeId, ComponentEntityType)> {
    let types = validator.validate_all(&ENCODED)?;
    let holder = types.as_ref().component_item_for_export(WORLD);
    let Some(ComponentEntityType::Type {
        created: ComponentAnyTypeId::Component(holder),
        ..
    }) = holder.map(|item| item.ty)
    else {
        bail!("no world `{WORLD}`");
    };
    let full_name = format!("{PACKAGE}/{WORLD}@{VERSION}");
    let world = types[holder].exports.get(&full_name);
    let Some(ComponentEntityType::Component(world)) = world.map(|item| item.ty) else {
        bail!("no `{full_name}` in the world's type");
    };
    let run = types[world].exports.get(RUN);
    let run = run.context("the world has no export `run`")?.ty;
    Ok((types, world, run))
}
