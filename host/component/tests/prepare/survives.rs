//! A hostile upload must not make the host panic or overflow its stack.
//!
//! The main check of each test is that `prepare` returns.

use dormouse_component::prepare;

use crate::support::Guest;

fn everything() -> Guest {
    Guest::new("include dormouse:workflow/workflow@0.1.0;")
}

#[test]
fn every_truncation() {
    for upload in [everything().component(), everything().module()] {
        let refused = (0..upload.len()).filter(|length| prepare(&upload[..*length]).is_err());
        assert!(refused.count() > upload.len() / 2);
    }
}

#[test]
fn every_byte_changed() {
    let mut refused = 0;
    for original in [everything().component(), everything().module()] {
        for at in 0..original.len() {
            let mut upload = original.clone();
            upload[at] ^= [0x01, 0x80, 0xff][at % 3];
            refused += usize::from(prepare(&upload).is_err());
        }
    }
    assert!(refused > 1_000, "only {refused} changes were noticed");
}

#[test]
fn components_nested_deeply() {
    let header = b"\0asm\x0d\0\x01\0";
    let mut nested = header.to_vec();
    for _ in 0..5_000 {
        let mut outer = header.to_vec();
        outer.push(4);
        leb128(&mut outer, nested.len());
        outer.append(&mut nested);
        nested = outer;
    }
    prepare(&nested).unwrap_err();
}

#[test]
fn types_nested_deeply() {
    let mut text = "(component (type $t0 (list u8))".to_owned();
    for depth in 1..5_000 {
        text += &format!(
            "(type $t{depth} (tuple $t{before} $t{before}))",
            before = depth - 1
        );
    }
    text += ")";
    prepare(&wat::parse_str(text).unwrap()).unwrap_err();
}

/// The encoder would follow packages that use each other without an end.
#[test]
fn packages_that_use_each_other() {
    let mut upload = everything().module();
    let (name, other) = (b"dormouse:workflow/webhooks", b"dormouse:workfloz/webhooks");
    let mut renamed = 0;
    for at in 0..upload.len() - name.len() {
        if upload[at..].starts_with(name) {
            upload[at..at + other.len()].copy_from_slice(other);
            renamed += 1;
        }
    }
    assert!(renamed > 0);
    let refused = prepare(&upload).unwrap_err().to_string();
    assert!(refused.contains("in a circle"), "{refused}");
}

fn leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}
