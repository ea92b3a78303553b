//! The contract of `wit/` as types that a component's own can be compared with.
//!
//! The texts are encoded as a WIT package in binary form and read by the same validator that reads the upload, which is
//! what makes the two sets of types comparable. Nothing of an upload is ever turned into WIT: the validator's types
//! are bounded in depth and size, and say all that is needed.

use std::sync::LazyLock;

use anyhow::{Context, anyhow, bail};
use wasmparser::Validator;
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentType, ComponentTypeId, SubtypeCx,
};
use wasmparser::types::{Types, TypesRef};
use wit_parser::{Resolve, SourceMap};

use crate::{Invalid, features};

/// The package of the contract.
pub(crate) const PACKAGE: &str = "dormouse:workflow";

/// The version of the contract that `wit/` holds.
pub(crate) const VERSION: &str = "0.1.0";

/// The world's export.
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

/// The contract, and the validator that an upload must go through to be compared with it.
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

    /// Validates a component, in such a way that its types can be compared with [`Contract::types`].
    pub(crate) fn validate(&mut self, component: &[u8]) -> Result<Types, Invalid> {
        self.validator.reset();
        self.validator
            .validate_all(component)
            .map_err(|error| Invalid::malformed(&error))
    }

    pub(crate) fn types(&self) -> TypesRef<'_> {
        self.types.as_ref()
    }

    /// The world that a workflow implements: what it may import, and what it must export.
    pub(crate) fn world(&self) -> &ComponentType {
        &self.types[self.world]
    }

    /// The type of the export `run`.
    pub(crate) fn run(&self) -> &ComponentEntityType {
        &self.run
    }

    /// Whether something in a component has the type that the contract gives it, and if not, what differs. Functions
    /// and values must be the same all through: the component model has no subtyping there.
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

/// A WIT package in binary form exports a component type for each interface and world by its plain name; that of a
/// world holds the world itself under its full name.
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
