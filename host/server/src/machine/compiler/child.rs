//! The child process that compiles.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use dormouse_engine::{CompileError, Config, Engine, SharedCode};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{REFUSED, Work, handed};
use crate::machine::script;

/// Reads a component from standard input, and writes its code to standard output. The arguments are the limits and the
/// work.
#[must_use]
pub(crate) fn compile_main(arguments: &[String]) -> ExitCode {
    match child(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(code)
        }
    }
}

/// The exit code of a child that fails for a reason other than the component.
const BROKEN: u8 = 4;

fn child(arguments: &[String]) -> Result<(), (u8, String)> {
    let broken = |error: &dyn std::fmt::Display| (BROKEN, error.to_string());
    let [time, memory, work] = arguments else {
        return Err((
            BROKEN,
            "this command is the host's own; it takes two limits, and what to do".into(),
        ));
    };
    let work = Work::ALL.into_iter().find(|known| known.name() == work);
    let work = work.ok_or((
        BROKEN,
        "the host asks for what this compiler does not do".into(),
    ))?;
    let time: u64 = time.parse().map_err(|error| broken(&error))?;
    let memory: u64 = memory.parse().map_err(|error| broken(&error))?;
    limit(Resource::Cpu, time).map_err(|error| broken(&error))?;
    limit(work.memory(), memory).map_err(|error| broken(&error))?;
    // The memory of the child is as large as its limit, and a component that crashes it must not fill the disk.
    crate::machine::dumps::forbid_dump_files().map_err(|error| broken(&error))?;
    // If memory runs out, the system ends this process and not the host.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    // Living runs go first. If the priority cannot be lowered, that is no reason not to compile.
    let _ = rustix::process::nice(10);
    let mut given = Vec::new();
    std::io::stdin()
        .read_to_end(&mut given)
        .map_err(|error| broken(&error))?;
    let engine = Engine::new(&Config { slots: 0 }).map_err(|error| broken(&error))?;
    let refused = |error: CompileError| (REFUSED, error.to_string());
    let made = match work {
        Work::Compile => engine.precompile(&given).map_err(refused)?,
        Work::CompileShared => engine.precompile_shared(&given).map_err(refused)?,
        Work::BuildComponent => {
            let (key, sealed, script) =
                handed(&given).ok_or((BROKEN, "the host handed over no code".into()))?;
            let code = script::code().ok_or((BROKEN, script::MISSING.into()))?;
            let code =
                SharedCode::open(&engine, &key, code.id, sealed).map_err(|error| broken(&error))?;
            let made = script::component(&engine, &code, script);
            made.map_err(|error| (REFUSED, error))?.encode()
        }
    };
    std::io::stdout()
        .write_all(&made)
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
