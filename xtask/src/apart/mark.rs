//! Adds marks to a module: a second memory has a mark for each four bytes of the module's memory that were written to.

use std::convert::Infallible;

use anyhow::anyhow;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, Instruction, MemArg, MemorySection,
    MemoryType, Module, ValType,
};
use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload};

/// The name under which the second memory is exported.
pub(super) const WRITTEN: &str = "written";

/// How many bytes of memory have one mark.
pub(super) const WORD: usize = 4;

/// The size of the second memory in pages, which is enough for four times as many pages of the first memory.
const PAGES: u64 = 64;

/// Returns the module with a second memory, in which it marks where it writes.
pub(super) fn stores(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut marking = Marking {
        parameters: parameters(module)?,
        next: 0,
    };
    let mut marked = Module::new();
    marking
        .parse_core_module(&mut marked, Parser::new(0), module)
        .map_err(|error| anyhow!("the JavaScript runtime is not understood: {error}"))?;
    Ok(marked.finish())
}

/// Returns the number of parameters of each function of a module that is not imported.
fn parameters(module: &[u8]) -> anyhow::Result<Vec<u32>> {
    let (mut types, mut functions) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        let CompositeInnerType::Func(ty) = ty.composite_type.inner else {
                            return Err(anyhow!(
                                "the JavaScript runtime has types of another kind"
                            ));
                        };
                        types.push(u32::try_from(ty.params().len())?);
                    }
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    let ty = types.get(ty? as usize);
                    functions.push(*ty.ok_or_else(|| anyhow!("a function has no type"))?);
                }
            }
            _ => {}
        }
    }
    Ok(functions)
}

struct Marking {
    parameters: Vec<u32>,
    /// The index in `parameters` of the next function.
    next: usize,
}

/// The indices of locals that are added to each function, for the operands of a store.
#[derive(Clone, Copy)]
struct Locals {
    address: u32,
    length: u32,
    values: [u32; 4],
}

/// The types of the added locals, in the order of their indices.
const TYPES: [ValType; 6] = [
    ValType::I32,
    ValType::I32,
    ValType::I32,
    ValType::I64,
    ValType::F32,
    ValType::F64,
];

impl Locals {
    fn behind(first: u32) -> Self {
        Locals {
            address: first,
            length: first + 1,
            values: [first + 2, first + 3, first + 4, first + 5],
        }
    }

    /// Returns the locals for the operands of an instruction that stores, from the last to the first, and the offset
    /// that the instruction adds to the address. None for any other instruction.
    fn operands(self, operator: &Operator<'_>) -> Option<(Vec<u32>, u64)> {
        let [int, long, float, double] = self.values;
        let one = |value: u32, memarg: &wasmparser::MemArg| {
            Some((vec![value, self.address], memarg.offset))
        };
        match operator {
            Operator::I32Store { memarg }
            | Operator::I32Store8 { memarg }
            | Operator::I32Store16 { memarg } => one(int, memarg),
            Operator::I64Store { memarg }
            | Operator::I64Store8 { memarg }
            | Operator::I64Store16 { memarg }
            | Operator::I64Store32 { memarg } => one(long, memarg),
            Operator::F32Store { memarg } => one(float, memarg),
            Operator::F64Store { memarg } => one(double, memarg),
            // Only the first word of a copied or filled range is marked. A range begins at an object or lies within one.
            Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } => {
                Some((vec![self.length, int, self.address], 0))
            }
            _ => None,
        }
    }

    /// Adds instructions that mark the address of a store, and leave the operands as they were.
    fn mark(self, function: &mut Function, operands: &[u32], offset: u64) {
        for operand in operands {
            function.instruction(&Instruction::LocalSet(*operand));
        }
        let offset = u32::try_from(offset).unwrap_or_default().cast_signed();
        let written = MemArg {
            offset: 0,
            align: 0,
            memory_index: 1,
        };
        for instruction in [
            Instruction::LocalGet(self.address),
            Instruction::I32Const(offset),
            Instruction::I32Add,
            Instruction::I32Const(WORD.ilog2().cast_signed()),
            Instruction::I32ShrU,
            Instruction::I32Const(1),
            Instruction::I32Store8(written),
        ] {
            function.instruction(&instruction);
        }
        for operand in operands.iter().rev() {
            function.instruction(&Instruction::LocalGet(*operand));
        }
    }
}

impl Reencode for Marking {
    type Error = Infallible;

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_memory_section(self, memories, section)?;
        memories.memory(MemoryType {
            minimum: PAGES,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: wasmparser::ExportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_export_section(self, exports, section)?;
        exports.export(WRITTEN, ExportKind::Memory, 1);
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        body: FunctionBody<'_>,
    ) -> Result<(), Error<Infallible>> {
        let parameters = self.parameters.get(self.next).copied().unwrap_or_default();
        self.next += 1;
        let mut own = Vec::new();
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            own.push((count, self.val_type(ty)?));
        }
        let locals = Locals::behind(parameters + own.iter().map(|(count, _)| count).sum::<u32>());
        own.extend(TYPES.map(|ty| (1, ty)));
        let mut function = Function::new(own);
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            let operator = operators.read()?;
            if let Some((operands, offset)) = locals.operands(&operator) {
                locals.mark(&mut function, &operands, offset);
            }
            function.instruction(&self.instruction(operator)?);
        }
        code.function(&function);
        Ok(())
    }
}
