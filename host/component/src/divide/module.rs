//! Divides a core module. Sections are copied unchanged, except for those that have to do with the module's state.

use std::ops::Range;

use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{
    ConstExpr, DataSection, EntityType, ExportKind, ExportSection, GlobalSection, GlobalType,
    Ieee32, Ieee64, ImportSection, MemorySection, MemoryType, Module, ModuleType, RawSection,
    SectionId, ValType,
};
use wasmparser::{
    CompositeInnerType, DataKind, ExternalKind, FuncType, Operator, Parser, Payload, TypeRef,
};

use super::names::{MARK, MEMORY, STATE};

/// The most segments of data that a module may have, by wasmparser's limits.
const SEGMENTS: usize = 10_000;

/// How many zero bytes in a row end a segment of data, unless that makes too many segments. Fewer zeros take less room
/// than the head of another segment.
const GAP: usize = 16;

/// The size of a page of Wasm memory, in bytes.
const PAGE: usize = 64 << 10;

/// The state that an execution has left in an instance.
#[derive(Debug)]
pub struct State<'a> {
    /// The whole memory.
    pub memory: &'a [u8],
    /// The bits of the globals, in the order of the module. The bits of a 32-bit number are in the lower half.
    pub globals: &'a [u64],
}

/// A module that can be divided.
pub(super) struct Parts<'a> {
    bytes: &'a [u8],
    /// The id and the range of each section, in order.
    sections: Vec<(u8, Range<usize>)>,
    /// The range of the section with the names of functions.
    names: Option<Range<usize>>,
    types: Vec<FuncType>,
    imports: ImportSection,
    /// The imports: the module, the name and the type of each.
    imported: Vec<(&'a str, &'a str, EntityType)>,
    /// The index of the type of each function. Imported functions come first.
    functions: Vec<u32>,
    tables: Vec<EntityType>,
    memory: Option<MemoryType>,
    globals: Vec<GlobalType>,
    exports: Vec<wasmparser::Export<'a>>,
}

impl<'a> Parts<'a> {
    /// Reads a module. None if the module shares no code with others, or cannot be divided.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut parts = Parts {
            bytes,
            sections: Vec::new(),
            names: None,
            types: Vec::new(),
            imports: ImportSection::new(),
            imported: Vec::new(),
            functions: Vec::new(),
            tables: Vec::new(),
            memory: None,
            globals: Vec::new(),
            exports: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(bytes) {
            parts.read(&payload.ok()?)?;
        }
        let marked = |export: &wasmparser::Export<'_>| export.name == MARK;
        (parts.memory.is_some() && parts.exports.iter().any(marked)).then_some(parts)
    }

    fn read(&mut self, payload: &Payload<'a>) -> Option<()> {
        match payload {
            Payload::CustomSection(section) if section.name() == "name" => {
                self.names = Some(section.range());
            }
            Payload::Version { .. }
            | Payload::CustomSection(_)
            | Payload::StartSection { .. }
            | Payload::ElementSection(_)
            | Payload::CodeSectionStart { .. }
            | Payload::CodeSectionEntry(_)
            | Payload::End(_) => {}
            Payload::TypeSection(section) => self.read_types(section.clone())?,
            Payload::ImportSection(section) => self.read_imports(section.clone())?,
            Payload::FunctionSection(section) => {
                for index in section.clone() {
                    self.functions.push(index.ok()?);
                }
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    let table = TypeRef::Table(table.ok()?.ty);
                    self.tables.push(table.try_into().ok()?);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let memory = memory.ok()?;
                    let plain =
                        !memory.memory64 && !memory.shared && memory.page_size_log2.is_none();
                    if !plain || self.memory.replace(memory.into()).is_some() {
                        return None;
                    }
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.clone() {
                    let global = global.ok()?;
                    stands_alone(&global.init_expr)?;
                    self.globals.push(global.ty.try_into().ok()?);
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export.ok()?);
                }
            }
            Payload::DataSection(section) => {
                for data in section.clone() {
                    match data.ok()?.kind {
                        DataKind::Active {
                            memory_index: 0,
                            offset_expr,
                        } => stands_alone(&offset_expr)?,
                        _ => return None,
                    }
                }
            }
            // A module whose code uses its segments of data must have a section that counts them. Such code is not
            // supported, since the segments are a part of the state.
            _ => return None,
        }
        self.sections.extend(payload.as_section());
        Some(())
    }

    fn read_types(&mut self, section: wasmparser::TypeSectionReader<'a>) -> Option<()> {
        for group in section {
            for ty in group.ok()?.into_types() {
                let plain = ty.is_final && ty.supertype_idx.is_none();
                match ty.composite_type.inner {
                    CompositeInnerType::Func(ty) if plain => self.types.push(ty),
                    _ => return None,
                }
            }
        }
        Some(())
    }

    fn read_imports(&mut self, section: wasmparser::ImportSectionReader<'a>) -> Option<()> {
        for import in section.into_imports() {
            let import = import.ok()?;
            let TypeRef::Func(index) = import.ty else {
                return None;
            };
            self.functions.push(index);
            let ty = EntityType::Function(index);
            self.imports.import(import.module, import.name, ty);
            self.imported.push((import.module, import.name, ty));
        }
        Some(())
    }

    /// Returns what the code imports of its state. The imported memory has no minimum size, so that the code is the same for
    /// states of all sizes.
    fn state_imports(&self) -> Vec<(String, EntityType)> {
        let memory = self.memory.map(|memory| MemoryType {
            minimum: 0,
            ..memory
        });
        let memory = memory.map(|memory| (MEMORY.to_owned(), EntityType::Memory(memory)));
        let globals = self.globals.iter().enumerate();
        let globals = globals.map(|(index, ty)| (format!("g{index}"), EntityType::Global(*ty)));
        memory.into_iter().chain(globals).collect()
    }

    /// Returns the module with the code.
    pub(super) fn code(&self) -> Vec<u8> {
        let mut imports = self.imports.clone();
        for (name, ty) in self.state_imports() {
            imports.import(STATE, &name, ty);
        }
        let mut module = Module::new();
        let mut imports = Some(imports);
        for (id, range) in &self.sections {
            // The section of imports comes between those of types and functions, even if the module had none.
            if *id > u8::from(SectionId::Type)
                && let Some(imports) = imports.take()
            {
                module.section(&imports);
            }
            let is_state = [
                SectionId::Custom,
                SectionId::Import,
                SectionId::Memory,
                SectionId::Global,
                SectionId::Data,
            ];
            if !is_state.map(u8::from).contains(id) {
                module.section(&self.raw(*id, range));
            }
        }
        if let Some(names) = &self.names {
            module.section(&self.raw(SectionId::Custom.into(), names));
        }
        module.finish()
    }

    /// Returns the module with memory and globals.
    pub(super) fn state(&self) -> Vec<u8> {
        let mut module = Module::new();
        let mut exports = ExportSection::new();
        exports.export(MEMORY, ExportKind::Memory, 0);
        for (index, _) in (0..).zip(&self.globals) {
            exports.export(&format!("g{index}"), ExportKind::Global, index);
        }
        let of = |wanted: SectionId| {
            let mut sections = self.sections.iter();
            let found = sections.find(|(id, _)| *id == u8::from(wanted));
            found.map(|(id, range)| self.raw(*id, range))
        };
        for section in [SectionId::Memory, SectionId::Global] {
            if let Some(section) = of(section) {
                module.section(&section);
            }
        }
        module.section(&exports);
        if let Some(data) = of(SectionId::Data) {
            module.section(&data);
        }
        module.finish()
    }

    /// Returns the type of the module with the code.
    pub(super) fn code_type(&self) -> Option<ModuleType> {
        let mut ty = ModuleType::new();
        for function in &self.types {
            let function = RoundtripReencoder.func_type(function.clone()).ok()?;
            ty.ty().func_type(&function);
        }
        for (module, name, import) in &self.imported {
            ty.import(module, name, *import);
        }
        let state = self.state_imports();
        for (name, import) in &state {
            ty.import(STATE, name, *import);
        }
        for export in &self.exports {
            let index = export.index as usize;
            let exported = match export.kind {
                ExternalKind::Func => EntityType::Function(*self.functions.get(index)?),
                ExternalKind::Table => *self.tables.get(index)?,
                ExternalKind::Memory => state.first()?.1,
                ExternalKind::Global => EntityType::Global(*self.globals.get(index)?),
                _ => return None,
            };
            ty.export(export.name, exported);
        }
        Some(ty)
    }

    /// Returns this module with another state. None if the state does not fit the module.
    pub(super) fn with(&self, state: &State<'_>) -> Option<Vec<u8>> {
        let mut module = Module::new();
        for (id, range) in &self.sections {
            match id {
                id if *id == u8::from(SectionId::Memory) => {
                    let mut memories = MemorySection::new();
                    memories.memory(MemoryType {
                        minimum: (state.memory.len() / PAGE) as u64,
                        ..self.memory?
                    });
                    module.section(&memories);
                }
                id if *id == u8::from(SectionId::Global) => {
                    module.section(&self.global_section(state)?);
                }
                id if *id == u8::from(SectionId::Data) => {
                    module.section(&data_section(state.memory)?);
                }
                _ => {
                    module.section(&self.raw(*id, range));
                }
            }
        }
        Some(module.finish())
    }

    fn global_section(&self, state: &State<'_>) -> Option<GlobalSection> {
        if self.globals.len() != state.globals.len() {
            return None;
        }
        let mut globals = GlobalSection::new();
        for (ty, bits) in self.globals.iter().zip(state.globals) {
            globals.global(*ty, &constant(ty.val_type, *bits)?);
        }
        Some(globals)
    }

    fn raw(&self, id: u8, range: &Range<usize>) -> RawSection<'a> {
        RawSection {
            id,
            data: &self.bytes[range.clone()],
        }
    }
}

/// Returns the constant of a type that has these bits. None if the type is not a number, or has fewer bits.
fn constant(ty: ValType, bits: u64) -> Option<ConstExpr> {
    let half = u32::try_from(bits);
    Some(match ty {
        ValType::I32 => ConstExpr::i32_const(half.ok()?.cast_signed()),
        ValType::I64 => ConstExpr::i64_const(bits.cast_signed()),
        ValType::F32 => ConstExpr::f32_const(Ieee32::new(half.ok()?)),
        ValType::F64 => ConstExpr::f64_const(Ieee64::new(bits)),
        _ => return None,
    })
}

/// Returns Some if a constant expression refers to nothing else in its module.
fn stands_alone(expression: &wasmparser::ConstExpr<'_>) -> Option<()> {
    let mut operators = expression.get_operators_reader().into_iter();
    operators
        .all(|operator| {
            matches!(
                operator,
                Ok(Operator::I32Const { .. }
                    | Operator::I64Const { .. }
                    | Operator::F32Const { .. }
                    | Operator::F64Const { .. }
                    | Operator::End)
            )
        })
        .then_some(())
}

/// Returns segments of data with all bytes of a memory that are not zero.
fn data_section(memory: &[u8]) -> Option<DataSection> {
    let mut section = DataSection::new();
    for range in segments(memory) {
        let offset = u32::try_from(range.start).ok()?.cast_signed();
        let data = memory[range].iter().copied();
        section.active(0, &ConstExpr::i32_const(offset), data);
    }
    Some(section)
}

/// Returns ranges of a memory that contain all bytes which are not zero. There are at most [`SEGMENTS`].
fn segments(memory: &[u8]) -> Vec<Range<usize>> {
    let mut gap = GAP;
    loop {
        let found = ranges(memory, gap);
        if found.len() <= SEGMENTS {
            return found;
        }
        gap *= 2;
    }
}

fn ranges(memory: &[u8], gap: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let written = memory.iter().enumerate().filter(|(_, byte)| **byte != 0);
    for (start, _) in written {
        match found.last_mut() {
            Some(last) if start - last.end < gap => last.end = start + 1,
            _ => found.push(start..start + 1),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_no_long_runs_of_zeros() {
        let mut memory = vec![0; 100];
        memory[3] = 1;
        memory[10] = 1;
        memory[60] = 1;
        assert_eq!(segments(&memory), [3..11, 60..61]);
        assert_eq!(segments(&[0; 9]), []);
    }

    #[test]
    fn there_are_never_more_segments_than_a_module_may_have() {
        let mut memory = vec![0; (SEGMENTS + 1) * 2 * GAP];
        for place in (0..memory.len()).step_by(2 * GAP) {
            memory[place] = 1;
        }
        let found = segments(&memory);
        assert!(found.len() <= SEGMENTS, "{}", found.len());
        for (place, byte) in memory.iter().enumerate() {
            assert!(*byte == 0 || found.iter().any(|range| range.contains(&place)));
        }
    }
}
