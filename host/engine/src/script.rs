//! Evaluates a workflow in JavaScript once, at deployment.
//!
//! The JavaScript runtime is a guest like any other. It is instantiated here without a host: every function that it
//! imports traps. The bundle is written into its memory, and it evaluates the workflow's modules. Each run begins with
//! the memory and globals that this leaves. So a run begins with all modules evaluated, and costs no more than any
//! other run.
//!
//! The runtime comes in two modules, code and state. The code is passed in compiled form, because all such workflows
//! share it.
//!
//! This executes foreign code, so it must be called in a process whose time and memory are limited.

use wasmtime::{Extern, Instance, Linker, Memory, Module, Store, TypedFunc, Val};

use crate::code::SharedCode;
use crate::engine::Engine;

/// The results of the runtime's `dormouse_init`.
const DONE: u32 = 0;
const ASKED: u32 = 2;

/// The name of the module from which the code imports memory and globals, and the name of that memory.
const STATE: &str = "dormouse:state";
const MEMORY: &str = "memory";

/// A number of ticks that the engine never reaches: only the end of the process interrupts what happens here.
const NEVER: u64 = u64::MAX / 2;

/// The state that the evaluation of a workflow has left.
#[derive(Debug)]
pub struct Evaluated {
    /// The whole memory.
    pub memory: Vec<u8>,
    /// The bits of the globals, in order.
    pub globals: Vec<u64>,
    /// What the runtime reports about the workflow, as JSON.
    pub report: String,
}

/// The reason why a bundle is not a workflow.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScriptRefused(String);

impl ScriptRefused {
    #[expect(clippy::needless_pass_by_value, reason = "`map_err` passes it so")]
    fn of(error: wasmtime::Error) -> Self {
        ScriptRefused(format!("the workflow cannot be evaluated: {error:#}"))
    }
}

/// Evaluates a bundle in the runtime that has this code and this state.
///
/// # Errors
/// When the workflow's modules cannot be evaluated.
pub fn evaluate(
    engine: &Engine,
    code: &SharedCode,
    state: &[u8],
    bundle: &[u8],
) -> Result<Evaluated, ScriptRefused> {
    let state = Module::new(engine.wasmtime(), state).map_err(ScriptRefused::of)?;
    let mut runtime = Runtime::new(code.module(), &state)?;
    let asked = runtime.init(bundle, true)? == ASKED;
    let report = runtime.text()?;
    if asked {
        // The modules asked for the time or for random numbers, so their state fits no run. Each run evaluates them
        // itself.
        runtime = Runtime::new(code.module(), &state)?;
        runtime.init(bundle, false)?;
    }
    let memory = runtime.memory.data(&runtime.store).to_vec();
    let globals = runtime.globals()?;
    Ok(Evaluated {
        memory,
        globals,
        report,
    })
}

/// An instance of the JavaScript runtime.
struct Runtime {
    store: Store<()>,
    instance: Instance,
    state: Instance,
    memory: Memory,
}

impl Runtime {
    fn new(code: &Module, state: &Module) -> Result<Self, ScriptRefused> {
        let mut store = Store::new(code.engine(), ());
        store.set_epoch_deadline(NEVER);
        let state = Instance::new(&mut store, state, &[]).map_err(ScriptRefused::of)?;
        let mut linker = Linker::new(code.engine());
        linker
            .instance(&mut store, STATE, state)
            .map_err(ScriptRefused::of)?;
        linker
            .define_unknown_imports_as_traps(code)
            .map_err(ScriptRefused::of)?;
        let instance = linker.instantiate(&mut store, code);
        let instance = instance.map_err(ScriptRefused::of)?;
        let memory = state.get_memory(&mut store, MEMORY);
        let memory = memory
            .ok_or_else(|| ScriptRefused("the JavaScript runtime exports no memory".into()))?;
        Ok(Runtime {
            store,
            instance,
            state,
            memory,
        })
    }

    fn call<P, R>(&mut self, name: &str, parameters: P) -> Result<R, ScriptRefused>
    where
        P: wasmtime::WasmParams,
        R: wasmtime::WasmResults,
    {
        let function: TypedFunc<P, R> = self
            .instance
            .get_typed_func(&mut self.store, name)
            .map_err(ScriptRefused::of)?;
        function
            .call(&mut self.store, parameters)
            .map_err(ScriptRefused::of)
    }

    /// Passes the bundle to the runtime. Returns the result, unless the bundle was refused.
    fn init(&mut self, bundle: &[u8], evaluate: bool) -> Result<u32, ScriptRefused> {
        let length = u32::try_from(bundle.len())
            .map_err(|_| ScriptRefused("the workflow is too large".into()))?;
        let place: u32 = self.call("dormouse_room", length)?;
        self.memory
            .write(&mut self.store, place as usize, bundle)
            .map_err(|_| {
                ScriptRefused("the JavaScript runtime gave no room for the workflow".into())
            })?;
        let status: u32 = self.call("dormouse_init", u32::from(evaluate))?;
        match status {
            DONE | ASKED => Ok(status),
            _ => Err(ScriptRefused(self.text()?)),
        }
    }

    /// Returns the runtime's report or error message.
    fn text(&mut self) -> Result<String, ScriptRefused> {
        let length: u32 = self.call("dormouse_length", ())?;
        let place: u32 = self.call("dormouse_text", ())?;
        let end = (place as usize).saturating_add(length as usize);
        let text = self.memory.data(&self.store).get(place as usize..end);
        Ok(String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
    }

    fn globals(&mut self) -> Result<Vec<u64>, ScriptRefused> {
        let mut numbers = Vec::new();
        while let Some(global) = self
            .state
            .get_export(&mut self.store, &format!("g{}", numbers.len()))
            .and_then(Extern::into_global)
        {
            numbers.push(match global.get(&mut self.store) {
                Val::I32(value) => value.cast_unsigned().into(),
                Val::I64(value) => value.cast_unsigned(),
                Val::F32(bits) => bits.into(),
                Val::F64(bits) => bits,
                _ => {
                    let strange = "the JavaScript runtime has a global that is not a number";
                    return Err(ScriptRefused(strange.into()));
                }
            });
        }
        Ok(numbers)
    }
}
