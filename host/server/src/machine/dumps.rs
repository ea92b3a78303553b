//! Keeps the memory of the process out of files.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Ensures that a crash leaves no copy of this process's memory, which contains the keys of secrets. From then on,
/// other programs of the same user cannot read its memory either.
///
/// # Errors
/// When the system refuses.
pub fn forbid_dumps() -> io::Result<()> {
    forbid_dump_files()?;
    // A limit of 0 does not apply to a program to which the system pipes dumps.
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// Ensures that a crash of this process, or of a process that it starts, leaves no file.
pub(super) fn forbid_dump_files() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(setrlimit(Resource::Core, none)?)
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn neither_a_file_nor_a_program_gets_the_memory() {
        forbid_dumps().unwrap();
        assert_eq!(getrlimit(Resource::Core).current, Some(0));
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
    }
}
