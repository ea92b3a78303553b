//! Uploads of components. Checks that no bytes make `prepare` or `divide` panic, and that a component which `prepare` has made is
//! accepted unchanged when it is uploaded again.

#![no_main]

use std::sync::Once;

use dormouse_component::divide::divide;
use dormouse_component::prepare;
use libfuzzer_sys::fuzz_target;

/// Replaces the fuzzer's panic hook, which would abort at once. The encoder of components panics at forged metadata, and
/// `prepare` catches this panic. A panic that nobody catches still ends the fuzzing.
fn let_panics_be_caught() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fuzz_target!(|upload: &[u8]| {
    let_panics_be_caught();
    if let Ok(prepared) = prepare(upload) {
        let again = prepare(&prepared.component);
        assert!(again.is_ok_and(|again| !again.wrapped && again.component == prepared.component));
        // It does not matter whether the component can be divided.
        let _ = divide(&prepared.component);
    }
});
