//! Code that programs share: a divided component does the same as the whole one, and is opened only with its own
//! code.

use dormouse_component::divide::{self, Divided};
use dormouse_engine::{CodeRejected, Program, SHARED_CODE, SharedCode, open, seal, shared_by};
use dormouse_journal::{Outcome, VersionId};

use crate::core_guest::{CoreGuest, RETURN, SLEEP, WAIT};
use crate::harness::{Run, SEAL, compile, engine};

/// Sleeps twice, and counts in a global. The name of its step is read from its memory.
fn guest() -> Vec<u8> {
    let guest = CoreGuest {
        items: r#"(func (export "dormouse_init")) (global $left (mut i32) (i32.const 1))"#,
        run: &format!("{SLEEP} {WAIT}"),
        callback: &format!(
            "(if (result i32) (global.get $left)
                (then (global.set $left (i32.const 0)) {SLEEP} {WAIT})
                (else {RETURN} (i32.const 0)))"
        ),
        ..CoreGuest::default()
    };
    guest.component()
}

struct Parts {
    version: VersionId,
    shared: SharedCode,
    sealed: Vec<u8>,
}

impl Parts {
    fn of(component: &[u8]) -> Self {
        let Divided { code, rest } = divide::divide(component).unwrap();
        let (version, id) = (VersionId::of(component), VersionId::of(&code));
        let fingerprint = engine().fingerprint();
        let native = engine().precompile_shared(&code).unwrap();
        let sealed = seal(&SEAL, fingerprint, id, None, &native);
        let shared = SharedCode::open(engine(), &SEAL, id, &sealed).unwrap();
        let native = engine().precompile(&rest).unwrap();
        Parts {
            version,
            shared,
            sealed: seal(&SEAL, fingerprint, version, Some(id), &native),
        }
    }

    fn open(&self, shared: Option<&SharedCode>) -> Result<Program, CodeRejected> {
        open(engine(), &SEAL, self.version, &self.sealed, shared)
    }
}

#[test]
fn a_divided_program_decides_what_the_whole_one_decides() {
    assert_eq!(SHARED_CODE, divide::CODE);
    let parts = Parts::of(&guest());
    let whole = compile(&guest());
    let divided = parts.open(Some(&parts.shared)).unwrap();
    let [whole, divided] = [whole, divided].map(|program| {
        let mut run = Run::of(program);
        run.start();
        let mut decided = vec![format!("{:?}", run.last().activation)];
        for number in 0..2 {
            run.complete(2_000, number, Outcome::Slept);
            decided.push(format!("{:?}", run.last().activation));
            if number == 0 {
                run.rebuild().unwrap();
            }
        }
        decided
    });
    assert!(whole[0].contains("step"), "{whole:?}");
    assert_eq!(whole, divided);
}

#[test]
fn it_is_opened_with_the_code_that_it_was_compiled_for() {
    let parts = Parts::of(&guest());
    assert_eq!(shared_by(&parts.sealed), Some(parts.shared.id()));
    let other = CoreGuest {
        items: r#"(func (export "dormouse_init"))"#,
        ..CoreGuest::default()
    };
    let other = Parts::of(&other.component());
    let refused = parts.open(Some(&other.shared)).unwrap_err();
    assert_eq!(refused, CodeRejected::NoSharedCode);
    let refused = parts.open(None).unwrap_err();
    assert_eq!(refused, CodeRejected::NoSharedCode);
}

/// Neither is taken for the other, though both are the host's own.
#[test]
fn a_component_is_not_shared_code() {
    let parts = Parts::of(&guest());
    let refused = SharedCode::open(engine(), &SEAL, parts.version, &parts.sealed).unwrap_err();
    assert!(matches!(refused, CodeRejected::Unusable(_)), "{refused:?}");
}
