//! A workflow in JavaScript becomes a module: the JavaScript runtime, with the workflow already evaluated in its memory.
//!
//! The runtime is a guest like any other. It is instantiated here once, without a host: whatever it imports traps. The
//! bundle is written into its memory, it evaluates the workflow's modules, and the memory that this leaves becomes the new
//! module's. So a run begins with everything read, and costs no more than any other.
//!
//! This executes foreign code, so it belongs into a process whose time and memory are limited.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use wasmtime::{Instance, Linker, Memory, Module, Store, TypedFunc, Val};
use wasmtime_wizer::{InstanceState, SnapshotVal, ValType, Wizer};

/// What the runtime's `dormouse_init` gives.
const DONE: u32 = 0;
const ASKED: u32 = 2;

/// Bytes of Wasm stack. Deployment evaluates what a run would otherwise, on a stack as large.
const STACK: usize = crate::config::WASM_STACK;

/// A workflow that was taken in.
#[derive(Debug)]
pub struct Script {
    /// The module. It is made a component like any other.
    pub module: Vec<u8>,
    /// Whether its modules are evaluated when a run starts, since one of them asks for time or chance.
    pub late: bool,
}

/// Why a bundle is no workflow.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ScriptRefused(String);

impl ScriptRefused {
    fn of(error: &wasmtime::Error) -> Self {
        ScriptRefused(format!("the workflow cannot be evaluated: {error:#}"))
    }
}

/// Makes a module of the runtime and a bundle.
///
/// # Errors
/// When the workflow's modules cannot be evaluated.
pub fn take_in(runtime: &[u8], bundle: &[u8]) -> Result<Script, ScriptRefused> {
    let mut wizer = Wizer::new();
    wizer.init_func("dormouse_ready");
    let (context, instrumented) = wizer
        .instrument(runtime)
        .map_err(|error| ScriptRefused::of(&error))?;
    let mut config = wasmtime::Config::new();
    // Address space is limited where this is called, and one instance needs no guard around its memory.
    config
        .cranelift_nan_canonicalization(true)
        .memory_reservation(0)
        .memory_guard_size(0)
        .memory_reservation_for_growth(16 << 20)
        .max_wasm_stack(STACK);
    let engine = wasmtime::Engine::new(&config).map_err(|error| ScriptRefused::of(&error))?;
    let module = Module::new(&engine, &instrumented).map_err(|error| ScriptRefused::of(&error))?;
    let mut late = false;
    let mut runtime = Runtime::new(&engine, &module)?;
    if runtime.init(bundle, true)? == ASKED {
        // What it has done so far depends on a time and a chance that no run has.
        late = true;
        runtime = Runtime::new(&engine, &module)?;
        runtime.init(bundle, false)?;
    }
    let module =
        now(wizer.snapshot(&context, &mut runtime)).map_err(|error| ScriptRefused::of(&error))?;
    Ok(Script { module, late })
}

/// An instance of the JavaScript runtime.
struct Runtime {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Runtime {
    fn new(engine: &wasmtime::Engine, module: &Module) -> Result<Self, ScriptRefused> {
        let refused = |error: wasmtime::Error| ScriptRefused::of(&error);
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker
            .define_unknown_imports_as_traps(module)
            .map_err(refused)?;
        let instance = linker.instantiate(&mut store, module).map_err(refused)?;
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory
            .ok_or_else(|| ScriptRefused("the JavaScript runtime exports no memory".into()))?;
        Ok(Runtime {
            store,
            instance,
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
            .map_err(|error| ScriptRefused::of(&error))?;
        function
            .call(&mut self.store, parameters)
            .map_err(|error| ScriptRefused::of(&error))
    }

    /// Hands the bundle over. Returns what came of it, unless it was refused.
    fn init(&mut self, bundle: &[u8], evaluate: bool) -> Result<u32, ScriptRefused> {
        let length = u32::try_from(bundle.len())
            .map_err(|_| ScriptRefused("the workflow is too large".into()))?;
        let place: u32 = self.call("dormouse_room", length)?;
        self.memory
            .write(&mut self.store, place as usize, bundle)
            .map_err(|_| {
                ScriptRefused("the JavaScript runtime gave no room for the workflow".into())
            })?;
        let told: u32 = self.call("dormouse_init", u32::from(evaluate))?;
        match told {
            DONE | ASKED => Ok(told),
            _ => Err(ScriptRefused(self.text()?)),
        }
    }

    /// What the runtime has to tell.
    fn text(&mut self) -> Result<String, ScriptRefused> {
        let length: u32 = self.call("dormouse_length", ())?;
        let place: u32 = self.call("dormouse_text", ())?;
        let end = (place as usize).saturating_add(length as usize);
        let text = self.memory.data(&self.store).get(place as usize..end);
        Ok(String::from_utf8_lossy(text.unwrap_or_default()).into_owned())
    }
}

impl InstanceState for Runtime {
    async fn global_get(&mut self, name: &str, _: ValType) -> SnapshotVal {
        let global = self.instance.get_global(&mut self.store, name);
        match global.map(|global| global.get(&mut self.store)) {
            Some(Val::I64(value)) => SnapshotVal::I64(value),
            Some(Val::F32(value)) => SnapshotVal::F32(value),
            Some(Val::F64(value)) => SnapshotVal::F64(value),
            Some(Val::I32(value)) => SnapshotVal::I32(value),
            // The runtime is built by this project, and has globals of numbers alone.
            _ => SnapshotVal::I32(0),
        }
    }

    async fn memory_contents(&mut self, name: &str, contents: impl FnOnce(&[u8]) + Send) {
        if let Some(memory) = self.instance.get_memory(&mut self.store, name) {
            contents(memory.data(&self.store));
        }
    }
}

/// The outcome of a future that waits for nothing.
fn now<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}
