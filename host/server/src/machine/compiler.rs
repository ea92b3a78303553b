//! Compiles in a child process: the same binary, under limits of processor time and memory, at low priority.
//!
//! The compiler cannot be interrupted, and a small component can keep it busy for minutes or make it eat gigabytes. In
//! a child, the kernel ends it.

use std::io::{Read, Write};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dormouse_engine::{Config, Engine};
use dormouse_runtime::{CompileFailure, Compiler};
use dormouse_seams::Task;
use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

/// The hidden command by which the binary becomes a compiler.
pub const COMMAND: &str = "compile";

/// How many components are compiled at once: one may be a bomb, and good ones should not wait for it to go off. The runtime
/// uploads two at once at most, and leaves the third to runs that wake.
const AT_ONCE: usize = 3;

/// A compiler that waits for the processor for this many times its allowed time is stuck, or the machine is.
const PATIENCE: u32 = 10;

/// What the compiler says when it refuses a component, as opposed to being killed.
const REFUSED: u8 = 3;

/// Compiles in child processes.
pub struct ChildCompiler {
    limits: CompileLimits,
    at_once: Arc<Semaphore>,
}

/// What compiling one component may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Processor time.
    pub time: Duration,
    /// Bytes of address space.
    pub memory: u64,
}

impl ChildCompiler {
    /// A compiler with these limits.
    #[must_use]
    pub fn new(limits: CompileLimits) -> Self {
        ChildCompiler {
            limits,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl Compiler for ChildCompiler {
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>> {
        let (limits, at_once) = (self.limits, self.at_once.clone());
        Box::pin(async move {
            let _permit = at_once.acquire().await.map_err(|error| host(&error))?;
            let run = compile_in_child(limits, component);
            match tokio::time::timeout(limits.time * PATIENCE, run).await {
                Ok(result) => result,
                Err(_) => Err(too_long(limits)),
            }
        })
    }
}

async fn compile_in_child(
    limits: CompileLimits,
    component: Bytes,
) -> Result<Vec<u8>, CompileFailure> {
    let mut child = spawn(limits).map_err(|error| host(&error))?;
    let (Some(mut input), Some(mut output), Some(mut errors)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CompileFailure::Host("the compiler has no pipes".into()));
    };
    let (mut code, mut message) = (Vec::new(), Vec::new());
    let feed = async move {
        // A child that is killed closes the pipe; its exit status says why.
        let _ = input.write_all(&component).await;
    };
    let (_, code_read, message_read) = tokio::join!(
        feed,
        output.read_to_end(&mut code),
        errors.read_to_end(&mut message)
    );
    code_read.and(message_read).map_err(|error| host(&error))?;
    let status = child.wait().await.map_err(|error| host(&error))?;
    if status.success() {
        return Ok(code);
    }
    Err(classify(limits, status, &String::from_utf8_lossy(&message)))
}

fn spawn(limits: CompileLimits) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(limits.time.as_secs().max(1).to_string())
        .arg(limits.memory.to_string())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

fn classify(limits: CompileLimits, status: ExitStatus, message: &str) -> CompileFailure {
    use std::os::unix::process::ExitStatusExt as _;
    let message = message.trim();
    if status.code() == Some(i32::from(REFUSED)) {
        return CompileFailure::Refused(message.to_owned());
    }
    match status
        .signal()
        .and_then(rustix::process::Signal::from_named_raw)
    {
        Some(rustix::process::Signal::XCPU | rustix::process::Signal::KILL) => too_long(limits),
        // An allocation that fails aborts.
        Some(rustix::process::Signal::ABORT) => CompileFailure::TooComplex {
            limit: format!("{} MiB of memory", limits.memory >> 20),
            setting: "compile-memory-limit",
        },
        _ => CompileFailure::Host(format!("it ended with {status}: {message}")),
    }
}

fn too_long(limits: CompileLimits) -> CompileFailure {
    CompileFailure::TooComplex {
        limit: format!("{} s of processor time", limits.time.as_secs()),
        setting: "compile-time-limit",
    }
}

fn host(error: &dyn std::error::Error) -> CompileFailure {
    CompileFailure::Host(error.to_string())
}

/// The child's side: component on standard input, code on standard output. Its arguments are the limits.
#[must_use]
pub fn compile_main(arguments: &[String]) -> ExitCode {
    match child(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(code)
        }
    }
}

/// What the child says when it fails for a reason that is not the component.
const BROKEN: u8 = 4;

fn child(arguments: &[String]) -> Result<(), (u8, String)> {
    let broken = |error: &dyn std::fmt::Display| (BROKEN, error.to_string());
    let [time, memory] = arguments else {
        return Err((
            BROKEN,
            "this command is the host's own; it takes two limits".into(),
        ));
    };
    let time: u64 = time.parse().map_err(|error| broken(&error))?;
    let memory: u64 = memory.parse().map_err(|error| broken(&error))?;
    limit(Resource::Cpu, time).map_err(|error| broken(&error))?;
    limit(Resource::As, memory).map_err(|error| broken(&error))?;
    // Runs that are alive go first. That the priority cannot be lowered is no reason not to compile.
    let _ = rustix::process::nice(10);
    let mut component = Vec::new();
    std::io::stdin()
        .read_to_end(&mut component)
        .map_err(|error| broken(&error))?;
    let engine = Engine::new(&Config { slots: 0 }).map_err(|error| broken(&error))?;
    let code = engine
        .precompile(&component)
        .map_err(|error| (REFUSED, error.to_string()))?;
    std::io::stdout()
        .write_all(&code)
        .map_err(|error| broken(&error))
}

fn limit(resource: Resource, value: u64) -> rustix::io::Result<()> {
    setrlimit(
        resource,
        Rlimit {
            current: Some(value),
            maximum: Some(value.saturating_add(1)),
        },
    )
}
