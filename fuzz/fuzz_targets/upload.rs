//! Uploads: no bytes make looking at them panic, and what is made of one is taken as it is.

#![no_main]

use std::sync::Once;

use dormouse_component::divide::divide;
use dormouse_component::prepare;
use libfuzzer_sys::fuzz_target;

/// The encoder of components panics at forged metadata, which `prepare` catches; the fuzzer would abort before it can. A
/// panic that nobody catches still ends the run.
fn let_panics_be_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fuzz_target!(|upload: &[u8]| {
    let_panics_be_caught();
    if let Ok(prepared) = prepare(upload) {
        let again = prepare(&prepared.component);
        assert!(again.is_ok_and(|again| !again.wrapped && again.component == prepared.component));
        // Whether it is divided does not matter.
        let _ = divide(&prepared.component);
    }
});
