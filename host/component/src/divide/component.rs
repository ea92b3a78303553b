//! Divides a component.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, ReencodeComponent, component_utils};
use wasm_encoder::{
    Component, ComponentImportSection, ComponentSectionId, ComponentTypeRef, CoreTypeSection,
    InstanceSection, ModuleArg, ModuleType, RawSection,
};
use wasmparser::{Parser, Payload};

use super::module;
use super::names::{CODE, STATE};

/// A component in two parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divided {
    /// A core module with the code that other components have as well.
    pub code: Vec<u8>,
    /// The rest of the component, which imports the code as [`CODE`].
    pub rest: Vec<u8>,
}

/// Divides the first module of a component that can be divided.
pub(super) fn divide(component: &[u8]) -> Option<Divided> {
    let shared = find(component)?;
    let mut divider = Divider {
        place: shared.place,
        ty: shared.parts.code_type()?,
        state: shared.parts.state(),
        modules: 0,
    };
    let mut rest = Component::new();
    let parser = Parser::new(0);
    divider.parse_component(&mut rest, parser, component).ok()?;
    Some(Divided {
        code: shared.parts.code(),
        rest: rest.finish(),
    })
}

/// The module to divide.
struct Shared<'a> {
    /// The index of the module among the component's modules.
    place: u32,
    parts: module::Parts<'a>,
}

/// Returns the first module that can be divided. None if there is none, or if the component has sections with indices that
/// [`Divider`] does not renumber.
fn find(component: &[u8]) -> Option<Shared<'_>> {
    let mut modules = 0;
    let mut found = None;
    let mut parser = Parser::new(0);
    let mut left = component;
    let mut has_instances = false;
    while !left.is_empty() {
        let wasmparser::Chunk::Parsed { consumed, payload } = parser.parse(left, true).ok()? else {
            return None;
        };
        left = left.get(consumed..)?;
        match payload {
            Payload::ModuleSection {
                unchecked_range, ..
            } => {
                left = left.get(unchecked_range.len()..)?;
                let module = component.get(unchecked_range)?;
                if found.is_none()
                    && let Some(parts) = module::Parts::of(module)
                {
                    // `Divider` makes the state's instance the first one.
                    if has_instances {
                        return None;
                    }
                    let place = modules;
                    found = Some(Shared { place, parts });
                }
                modules += 1;
            }
            Payload::InstanceSection(_) => has_instances = true,
            Payload::ComponentSection { .. } | Payload::CoreTypeSection(_) => return None,
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    if matches!(import.ok()?.ty, wasmparser::ComponentTypeRef::Module(_)) {
                        return None;
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Copies a component. One module is replaced by an import of its code, the module of its state, and an instance of that
/// module.
struct Divider {
    /// The index of the module to replace.
    place: u32,
    ty: ModuleType,
    state: Vec<u8>,
    /// How many modules were copied or replaced so far.
    modules: u32,
}

impl Reencode for Divider {
    type Error = Infallible;
}

impl ReencodeComponent for Divider {
    fn module_index(&mut self, index: u32) -> u32 {
        index + u32::from(index > self.place)
    }

    /// Returns the new index of a core instance. The state's instance is the first, so all others move up by one.
    fn instance_index(&mut self, index: u32) -> u32 {
        index + 1
    }

    fn parse_component_submodule(
        &mut self,
        component: &mut Component,
        _: Parser,
        module: &[u8],
    ) -> Result<(), Error<Infallible>> {
        let is_shared = self.modules == self.place;
        self.modules += 1;
        if !is_shared {
            component.section(&raw(module));
            return Ok(());
        }
        let mut types = CoreTypeSection::new();
        types.ty().module(&self.ty);
        component.section(&types);
        let mut imports = ComponentImportSection::new();
        imports.import(CODE, ComponentTypeRef::Module(0));
        component.section(&imports);
        component.section(&raw(&self.state));
        let mut instances = InstanceSection::new();
        let no_imports: [(&str, ModuleArg); 0] = [];
        instances.instantiate(self.place + 1, no_imports);
        component.section(&instances);
        Ok(())
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: wasmparser::Instance<'_>,
    ) -> Result<(), Error<Infallible>> {
        match instance {
            wasmparser::Instance::Instantiate { module_index, args }
                if module_index == self.place =>
            {
                let args = args.iter().map(|arg| {
                    let index = self.instance_index(arg.index);
                    (arg.name, ModuleArg::Instance(index))
                });
                let args: Vec<_> = args.chain([(STATE, ModuleArg::Instance(0))]).collect();
                instances.instantiate(module_index, args);
                Ok(())
            }
            instance => component_utils::parse_instance(self, instances, instance),
        }
    }
}

/// Returns a section with an unchanged module.
fn raw(module: &[u8]) -> RawSection<'_> {
    RawSection {
        id: ComponentSectionId::CoreModule.into(),
        data: module,
    }
}
