//! The host of the sample workflow. It implements only the imports of the runtime that this workflow uses, by the canonical
//! ABI.

use serde_json::json;
use wasmtime::{
    AsContextMut, Caller, Config, Engine, Func, Instance, Linker, Memory, Module, OptLevel, Result,
    Store, Val, WasmParams, bail, format_err,
};

use super::mark::{WORD, WRITTEN};

/// The source of the sample workflow.
pub(crate) const SAMPLE: &str = include_str!("sample.js");

/// How many operations of the sample workflow complete. After these it waits for one that never completes.
const OUTCOMES: usize = 3;

const INPUT: &str = r#"{"question":"?"}"#;
const BODY: &str = r#"{"answer":"!"}"#;
const JSON: &str = "application/json";
const URL: &str = "http://localhost/hooks/sample";

/// The code that a guest returns when it yields and can continue at once.
const YIELD: i32 = 1;
/// The code that a guest returns when it waits.
const WAIT: i32 = 2;

/// The state of an operation that has begun.
const STARTED: i32 = 1;
/// The state of an operation that has completed.
const RETURNED: i32 = 2;
/// The event that reports the state of an operation to the guest.
const SUBTASK: i32 = 1;

const RUN: &str = "[async-lift]run";
const CALLBACK: &str = "[callback][async-lift]run";

/// The beginning of the name of an import that is an operation.
const OPERATION: &str = "[async-lower]";

/// The guest's memory, and its function that allocates in this memory.
#[derive(Clone, Copy)]
struct GuestMemory {
    memory: Memory,
    reallocate: Func,
}

impl GuestMemory {
    /// Writes a text into the guest's memory. Returns its address and its length in bytes.
    fn text(self, mut store: impl AsContextMut, text: &str) -> Result<[i32; 2]> {
        let length = i32::try_from(text.len())?;
        let mut place = [Val::I32(0)];
        let given = [0, 0, 1, length].map(Val::I32);
        self.reallocate.call(&mut store, &given, &mut place)?;
        let place = place[0].unwrap_i32();
        self.bytes(store, place, text.as_bytes())?;
        Ok([place, length])
    }

    fn bytes(self, mut store: impl AsContextMut, place: i32, bytes: &[u8]) -> Result<()> {
        let place = place.cast_unsigned() as usize;
        Ok(self.memory.write(&mut store, place, bytes)?)
    }

    fn words(self, store: impl AsContextMut, place: i32, words: &[i32]) -> Result<()> {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.bytes(store, place, &bytes)
    }
}

/// An operation that the guest has begun: its number, the name of its import, and the address for its result.
struct Begun {
    number: i32,
    import: String,
    result: i32,
}

#[derive(Default)]
struct World {
    memory: Option<GuestMemory>,
    context: i32,
    operations: i32,
    begun: Option<Begun>,
}

/// An instance of the runtime, with its store and its memories.
pub(super) struct Host {
    store: Store<World>,
    instance: Instance,
    memory: GuestMemory,
    written: Memory,
}

impl Host {
    pub(super) fn new(runtime: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::None);
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, runtime)?;
        let mut store = Store::new(&engine, World::default());
        let mut linker = Linker::new(&engine);
        for import in module.imports() {
            let ty = import.ty();
            let ty = ty
                .func()
                .ok_or_else(|| format_err!("an import is not a function"))?;
            let name = import.name().to_owned();
            let function = Func::new(&mut store, ty.clone(), move |caller, given, results| {
                let given = given.iter().map(|value| value.i32().unwrap_or_default());
                let given: Vec<i32> = given.collect();
                let result = answer(caller, &name, &given)?;
                if let Some(place) = results.first_mut() {
                    *place = result;
                }
                Ok(())
            });
            linker.define(&store, import.module(), import.name(), function)?;
        }
        let instance = linker.instantiate(&mut store, &module)?;
        let memory = instance.get_memory(&mut store, "memory");
        let written = instance.get_memory(&mut store, WRITTEN);
        let reallocate = instance.get_func(&mut store, "cabi_realloc");
        let (Some(memory), Some(written), Some(reallocate)) = (memory, written, reallocate) else {
            bail!("the runtime does not export what it must");
        };
        let memory = GuestMemory { memory, reallocate };
        store.data_mut().memory = Some(memory);
        Ok(Host {
            store,
            instance,
            memory,
            written,
        })
    }

    fn call(&mut self, name: &str, given: impl WasmParams) -> Result<i32> {
        let function = self.instance.get_typed_func(&mut self.store, name)?;
        function.call(&mut self.store, given)
    }

    /// Deploys the sample workflow, and evaluates it if `evaluate` is true.
    pub(super) fn deploy(&mut self, evaluate: bool) -> Result<()> {
        let imports = json!({"@dormouse/sdk": "dormouse:workflow"});
        let module = json!({"kind": "esm", "source": SAMPLE, "imports": imports});
        let bundle = json!({"entry": "sample.js", "modules": {"sample.js": module}}).to_string();
        let place = self.call("dormouse_room", i32::try_from(bundle.len())?)?;
        self.memory
            .bytes(&mut self.store, place, bundle.as_bytes())?;
        match self.call("dormouse_init", i32::from(evaluate))? {
            0 => Ok(()),
            _ => bail!("the sample workflow was refused"),
        }
    }

    pub(super) fn memory(&self) -> &[u8] {
        self.memory.memory.data(&self.store)
    }

    /// Returns the address of the runtime's table.
    pub(super) fn table(&mut self) -> Result<usize> {
        Ok(self.call("dormouse_apart", ())?.cast_unsigned() as usize)
    }

    /// Starts the run. Returns the addresses to which it has written until it waits.
    pub(super) fn start(&mut self) -> Result<Vec<usize>> {
        self.written.data_mut(&mut self.store).fill(0);
        let [kind, kind_length] = self.memory.text(&mut self.store, JSON)?;
        let [body, body_length] = self.memory.text(&mut self.store, INPUT)?;
        let told = self.call(RUN, (kind, kind_length, body, body_length))?;
        self.rest(told)
    }

    /// Completes the operations that the run waits for, until it waits for one that never completes. Returns the
    /// addresses to which the run has written since its start.
    pub(super) fn go_on(&mut self) -> Result<Vec<usize>> {
        let mut written = Vec::new();
        for _ in 0..OUTCOMES {
            let begun = self.store.data_mut().begun.take();
            let begun = begun.ok_or_else(|| format_err!("the sample waits for nothing"))?;
            self.complete(&begun)?;
            let told = self.call(CALLBACK, (SUBTASK, begun.number, RETURNED))?;
            written = self.rest(told)?;
        }
        Ok(written)
    }

    /// Continues the run until it waits. Returns the addresses to which it has written since its start.
    fn rest(&mut self, mut told: i32) -> Result<Vec<usize>> {
        while told == YIELD {
            told = self.call(CALLBACK, (0, 0, 0))?;
        }
        if told & 0xf != WAIT {
            bail!("the sample workflow does not wait");
        }
        let marks = self.written.data(&self.store).iter().enumerate();
        let written = marks.filter(|(_, mark)| **mark != 0);
        Ok(written.map(|(place, _)| place * WORD).collect())
    }

    /// Writes the result of an operation into the guest's memory.
    fn complete(&mut self, begun: &Begun) -> Result<()> {
        let memory = self.memory;
        let mut text = |text: &str| memory.text(&mut self.store, text);
        let words = match begun.import.as_str() {
            // Some request: its id, the time of its arrival (8 bytes), method, URL, no headers, body.
            "wait-for-webhook" => {
                let (id, method, url) = (text("delivery")?, text("POST")?, text(URL)?);
                let (headers, body) = (text("")?, text(BODY)?);
                [[1, 0], id, [0, 0], method, url, headers, body].concat()
            }
            // A successful response: status, no headers, body.
            "call" => {
                let (headers, body) = (text("")?, text(BODY)?);
                [&[0, 0, 200][..], &headers, &body].concat()
            }
            _ => return Ok(()),
        };
        memory.words(&mut self.store, begun.result, &words)
    }
}

/// Executes a call of an import. Returns its result, which means nothing if the import has no result.
fn answer(mut caller: Caller<'_, World>, import: &str, given: &[i32]) -> Result<Val> {
    let last = given.last().copied().unwrap_or_default();
    if let Some(operation) = import.strip_prefix(OPERATION) {
        let world = caller.data_mut();
        world.operations += 1;
        world.begun = Some(Begun {
            number: world.operations,
            import: operation.to_owned(),
            result: last,
        });
        return Ok(Val::I32((world.operations << 4) | STARTED));
    }
    let memory = caller.data().memory;
    let memory = memory.ok_or_else(|| format_err!("{import} was called too early"))?;
    let mut text = |text: &str| memory.text(&mut caller, text);
    match import {
        "[context-get-0]" => return Ok(Val::I32(caller.data().context)),
        "[context-set-0]" => caller.data_mut().context = last,
        "[waitable-set-new]" => return Ok(Val::I32(1)),
        "now" => return Ok(Val::I64(1)),
        "current-run" => {
            let (id, workflow, version) = (text("run")?, text("sample")?, text("version")?);
            let headers = text("")?;
            let words = [id, workflow, version, [1, 0], headers].concat();
            memory.words(&mut caller, last, &words)?;
        }
        "create-webhook" => {
            let words = [text("webhook")?, text(URL)?].concat();
            memory.words(&mut caller, last, &words)?;
        }
        "random" => {
            let length = given.first().copied().unwrap_or_default();
            let bytes = text(&"x".repeat(usize::try_from(length)?))?;
            memory.words(&mut caller, last, &bytes)?;
        }
        // The step has no recorded outcome yet.
        "begin" => memory.words(&mut caller, last, &[0])?,
        "[waitable-join]"
        | "[waitable-set-poll]"
        | "[waitable-set-drop]"
        | "[subtask-drop]"
        | "finish"
        | "respond" => {}
        _ => bail!("the sample workflow uses {import}, which it is not given"),
    }
    Ok(Val::I32(0))
}
