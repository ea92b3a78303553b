//! Compiles in a child process: the same binary, under limits of processor time and memory, at low priority.
//!
//! The compiler cannot be interrupted, and a small component can keep it busy for minutes or make it use gigabytes. The
//! kernel can end a child process.
//!
//! If a component exceeds its own limits, or makes the compiler panic twice, the component is at fault. A child that
//! ends in another way, such as one that the kernel kills because of too little memory, is the host's trouble. That
//! passes, so the caller is told to try again, after a longer time the more often it has happened.

pub(crate) mod child;

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dormouse_journal::VersionId;
use dormouse_runtime::{BuiltComponent, CompileFailure, Compiler, HandedCode, ScriptCode};
use dormouse_seams::Task;
use rustix::process::{Resource, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::script;

/// The hidden command by which the binary becomes a compiler.
pub const COMMAND: &str = "compile";

/// The number of components that are compiled at once. One may be hostile, and others should not wait for its end. The
/// runtime compiles at most two uploads at once, and leaves the third to runs that wake.
const AT_ONCE: usize = 3;

/// The largest number of components that wait for a compiler. Each is in memory meanwhile.
const WAITING: usize = 16;

/// Seconds after which to try again, after the first failure of the host. They double with each failure in a row.
const RETRY_FIRST: u32 = 5;

/// The largest number of seconds after which to try again.
const RETRY_MOST: u32 = 320;

/// The number of components that are remembered because the compiler panicked on them.
const PANICS: usize = 64;

/// The number of bytes of a compiler's output that are read.
const MOST_OUTPUT: u64 = 16 << 10;

/// The factor of its allowed time for which a compiler may wait for the processor. After that, the compiler or the
/// machine is stuck.
const MOST_FAILURES: u32 = 10;

/// The exit code of a compiler that refuses a component, in contrast to one that is killed.
const REFUSED: u8 = 3;

/// The work of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Compile a component to code.
    Compile,
    /// Compile a module that programs share to code.
    CompileShared,
    /// Make a component of a workflow in JavaScript.
    BuildComponent,
}

impl Work {
    const ALL: [Work; 3] = [Work::Compile, Work::CompileShared, Work::BuildComponent];

    fn name(self) -> &'static str {
        match self {
            Work::Compile => "component",
            Work::CompileShared => "shared",
            Work::BuildComponent => "script",
        }
    }

    /// Returns the limit on memory. An instance reserves gigabytes of addresses and uses few of them, so where a
    /// workflow is evaluated, only writable memory counts.
    fn memory(self) -> Resource {
        match self {
            Work::Compile | Work::CompileShared => Resource::As,
            Work::BuildComponent => Resource::Data,
        }
    }
}

/// Compiles in child processes.
pub struct ChildCompiler {
    limits: CompileLimits,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    history: CompilerHistory,
}

/// The results of recent compilers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct CompilerHistory(Arc<Mutex<RecentFailures>>);

#[derive(Debug, Default)]
struct RecentFailures {
    /// The number of failures in a row that were the host's.
    failures: u32,
    /// The components on which the compiler panicked once.
    panicked: VecDeque<VersionId>,
}

/// The limits for compiling one component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// The processor time.
    pub time: Duration,
    /// The address space in bytes.
    pub memory: u64,
}

impl ChildCompiler {
    /// Creates a compiler with these limits.
    #[must_use]
    pub fn new(limits: CompileLimits) -> Self {
        ChildCompiler {
            limits,
            at_once: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            history: CompilerHistory::default(),
        }
    }

    /// Returns the results of its recent compilers.
    #[must_use]
    pub fn history(&self) -> CompilerHistory {
        self.history.clone()
    }
}

impl CompilerHistory {
    /// Returns true if the last compiler failed through no fault of its component.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.lock().failures > 0
    }

    /// Notes how a compiler ended. Returns the error for the caller, if there is one.
    fn note_end(
        &self,
        limits: CompileLimits,
        ended: Ended,
        version: impl FnOnce() -> VersionId,
    ) -> Result<Vec<u8>, CompileFailure> {
        let mut recent = self.lock();
        let failure = match ended {
            Ended::Compiled(code) => {
                recent.failures = 0;
                return Ok(code);
            }
            Ended::Refused(why) => CompileFailure::Refused(why),
            Ended::OutOfTime => CompileFailure::TooComplex {
                limit: format!("{} s of processor time", limits.time.as_secs()),
                setting: "compile-time-limit",
            },
            Ended::OutOfMemory => CompileFailure::TooComplex {
                limit: format!("{} MiB of memory", limits.memory >> 20),
                setting: "compile-memory-limit",
            },
            Ended::Panicked(said) => {
                let version = version();
                if !recent.panicked.contains(&version) {
                    recent.panicked.push_back(version);
                    if recent.panicked.len() > PANICS {
                        recent.panicked.pop_front();
                    }
                    return Err(recent.fail(format!("it panicked: {said}")));
                }
                CompileFailure::Refused(format!("the compiler panics on it: {said}"))
            }
            Ended::Failed(reason) => return Err(recent.fail(reason)),
        };
        recent.failures = 0;
        Err(failure)
    }

    fn lock(&self) -> MutexGuard<'_, RecentFailures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecentFailures {
    fn fail(&mut self, reason: String) -> CompileFailure {
        let retry_after = RETRY_FIRST << self.failures.min(RETRY_MOST.ilog2());
        self.failures = self.failures.saturating_add(1);
        CompileFailure::Host {
            reason,
            retry_after: retry_after.min(RETRY_MOST),
        }
    }
}

/// How a compiler ended.
#[derive(Debug)]
enum Ended {
    Compiled(Vec<u8>),
    /// The compiler refused the component.
    Refused(String),
    /// The compiler took more processor time than is allowed.
    OutOfTime,
    /// The compiler took more memory than is allowed.
    OutOfMemory,
    /// The compiler panicked, or overflowed its stack.
    Panicked(String),
    /// The compiler was killed from outside, or could not be run.
    Failed(String),
}

impl Compiler for ChildCompiler {
    fn compile(&self, component: Bytes) -> Task<Result<Vec<u8>, CompileFailure>> {
        self.work(Work::Compile, Bytes::new(), component)
    }

    fn script_code(&self) -> Option<ScriptCode> {
        script::code()
    }

    fn compile_script_code(&self, code: ScriptCode) -> Task<Result<Vec<u8>, CompileFailure>> {
        self.work(Work::CompileShared, Bytes::new(), code.module)
    }

    fn build_component(
        &self,
        script: Bytes,
        code: HandedCode,
    ) -> Task<Result<BuiltComponent, CompileFailure>> {
        let made = self.work(Work::BuildComponent, hand_over(&code), script);
        Box::pin(async {
            script::built_component(&made.await?).ok_or_else(|| CompileFailure::Host {
                reason: "it broke off".into(),
                retry_after: RETRY_FIRST,
            })
        })
    }
}

/// The number of bytes for the length of the code that is passed on.
const LENGTH: usize = 8;

/// Encodes compiled code for a child: the key of its seal, its length, and the sealed code.
fn hand_over(code: &HandedCode) -> Bytes {
    let length = (code.sealed.len() as u64).to_le_bytes();
    [code.key.as_slice(), &length, &code.sealed].concat().into()
}

/// Decodes compiled code from the beginning of a child's input. Also returns the rest.
fn handed(given: &[u8]) -> Option<([u8; 32], &[u8], &[u8])> {
    let (key, given) = given.split_first_chunk()?;
    let (length, given) = given.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (sealed, rest) = given.split_at_checked(length)?;
    Some((*key, sealed, rest))
}

impl ChildCompiler {
    /// Runs a child. `handed` goes to its standard input before the component.
    fn work(
        &self,
        work: Work,
        handed: Bytes,
        component: Bytes,
    ) -> Task<Result<Vec<u8>, CompileFailure>> {
        let (limits, at_once, history) = (self.limits, self.at_once.clone(), self.history.clone());
        let place = self.waiting.clone().try_acquire_owned();
        Box::pin(async move {
            let ended = match place {
                Err(_) => Ended::Failed("too many components wait to be compiled".into()),
                Ok(_place) => {
                    // The semaphore is never closed.
                    let _permit = at_once.acquire().await;
                    let given = [handed, component.clone()];
                    let run = compile_in_child(work, limits, given);
                    let ended = tokio::time::timeout(limits.time * MOST_FAILURES, run).await;
                    ended.unwrap_or(Ended::OutOfTime)
                }
            };
            history.note_end(limits, ended, || VersionId::of(&component))
        })
    }
}

async fn compile_in_child(work: Work, limits: CompileLimits, given: [Bytes; 2]) -> Ended {
    let run = async {
        let mut child = spawn(work, limits)?;
        let (Some(mut input), Some(mut output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(std::io::Error::other("the compiler has no pipes"));
        };
        let (mut code, mut message) = (Vec::new(), Vec::new());
        let feed = async move {
            for part in given {
                // A child that is killed closes the pipe. Its exit status has the reason.
                let _ = input.write_all(&part).await;
            }
        };
        let mut errors = errors.take(MOST_OUTPUT);
        let (_, code_read, message_read) = tokio::join!(
            feed,
            output.read_to_end(&mut code),
            errors.read_to_end(&mut message)
        );
        code_read.and(message_read)?;
        let status = child.wait().await?;
        Ok(match status.success() {
            true => Ended::Compiled(code),
            false => classify(status, &String::from_utf8_lossy(&message)),
        })
    };
    let ended: std::io::Result<Ended> = run.await;
    ended.unwrap_or_else(|error| Ended::Failed(error.to_string()))
}

/// The memory that a compiler's allocator reserves at once, in KiB.
const ARENA: &str = "16384";

fn spawn(work: Work, limits: CompileLimits) -> std::io::Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(limits.time.as_secs().max(1).to_string())
        .arg(limits.memory.to_string())
        .arg(work.name())
        .env_clear()
        // By default, the allocator would reserve more address space at once than the limit allows.
        .env("MIMALLOC_ARENA_RESERVE", ARENA)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// The exit code of Rust's standard library after a panic.
const PANICKED: i32 = 101;

fn classify(status: ExitStatus, message: &str) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    let message = message.trim().to_owned();
    match (
        status.code(),
        status.signal().and_then(Signal::from_named_raw),
    ) {
        (Some(code), _) if code == i32::from(REFUSED) => Ended::Refused(message),
        (Some(PANICKED), _) => Ended::Panicked(message),
        (_, Some(Signal::XCPU)) => Ended::OutOfTime,
        // A failed allocation aborts, and so does a stack overflow.
        (_, Some(Signal::ABORT)) if message.contains("memory allocation of") => Ended::OutOfMemory,
        (_, Some(Signal::ABORT | Signal::SEGV | Signal::BUS | Signal::ILL)) => {
            Ended::Panicked(format!("{status}: {message}"))
        }
        _ => Ended::Failed(format!("it ended with {status}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    const LIMITS: CompileLimits = CompileLimits {
        time: Duration::from_secs(60),
        memory: 1 << 30,
    };

    /// Returns the seconds to wait after a child for this component has ended in this way, or none if the component is
    /// at fault.
    fn report(
        history: &CompilerHistory,
        component: &[u8],
        status: i32,
        message: &str,
    ) -> Option<u32> {
        let ended = classify(ExitStatus::from_raw(status), message);
        match history.note_end(LIMITS, ended, || VersionId::of(component)) {
            Err(CompileFailure::Host { retry_after, .. }) => Some(retry_after),
            Err(_) => None,
            Ok(code) => panic!("{code:?}"),
        }
    }

    const ABORT: i32 = 6;
    const KILL: i32 = 9;
    const SEGV: i32 = 11;
    const XCPU: i32 = 24;

    #[test]
    fn a_compiler_killed_from_outside_is_tried_again_later_each_time() {
        let history = CompilerHistory::default();
        let waits = [5, 10, 20, 40, 80, 160, 320, 320, 320];
        for seconds in waits {
            assert_eq!(report(&history, b"a", KILL, ""), Some(seconds));
            assert!(history.is_failing());
        }
        let compiled = history.note_end(LIMITS, Ended::Compiled(vec![1]), || VersionId::of(b"a"));
        assert_eq!(compiled.unwrap(), [1]);
        assert!(!history.is_failing());
        assert_eq!(report(&history, b"a", KILL, ""), Some(5));
    }

    #[test]
    fn its_own_limits_are_its_own_fault() {
        let history = CompilerHistory::default();
        assert_eq!(report(&history, b"a", XCPU, ""), None);
        let aborted = "memory allocation of 65536 bytes failed";
        assert_eq!(report(&history, b"a", ABORT, aborted), None);
        assert_eq!(report(&history, b"a", i32::from(REFUSED) << 8, "no"), None);
    }

    #[test]
    fn the_second_panic_on_a_component_is_its_own_fault() {
        let history = CompilerHistory::default();
        assert!(report(&history, b"a", PANICKED << 8, "panicked").is_some());
        assert!(report(&history, b"b", SEGV, "").is_some());
        assert_eq!(report(&history, b"a", PANICKED << 8, "panicked"), None);
        assert_eq!(
            report(&history, b"b", ABORT, "has overflowed its stack"),
            None
        );
    }

    #[test]
    fn work_for_a_child_survives_encoding() {
        let (key, sealed) = ([7; 32], Bytes::from_static(b"sealed"));
        let given = [&hand_over(&HandedCode { key, sealed })[..], b"script"].concat();
        assert_eq!(handed(&given), Some((key, &b"sealed"[..], &b"script"[..])));
        for cut in 0..46 {
            assert_eq!(handed(&given[..cut]), None, "{cut}");
        }
    }

    #[tokio::test]
    async fn the_number_of_waiting_compilations_is_limited() {
        let compiler = ChildCompiler::new(LIMITS);
        let waiting: Vec<_> = (0..AT_ONCE + WAITING)
            .map(|_| compiler.compile(Bytes::new()))
            .collect();
        let refused = compiler.compile(Bytes::new()).await;
        assert!(matches!(refused, Err(CompileFailure::Host { .. })));
        drop(waiting);
    }
}
