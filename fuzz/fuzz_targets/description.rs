//! Descriptions of providers. Checks that no text makes the compiler of descriptions panic, and that a description which it
//! accepts can run its vectors and can check, sign and answer requests without a panic.

#![no_main]

use bytes::Bytes;
use dormouse_journal::{Request, Time};
use dormouse_webhook::provider::{LONGEST_DESCRIPTION, Provider, Tolerance};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let provider = match Provider::compile("fuzzed.toml", text) {
        Ok(provider) => provider,
        Err(error) => {
            assert!((1..=text.lines().count().max(1) + 1).contains(&error.line));
            assert!(!error.message.is_empty());
            return;
        }
    };
    assert!(text.len() <= LONGEST_DESCRIPTION);
    let _ = provider.run_vectors();
    let Ok(check) = provider.check(&[]) else {
        return;
    };
    let request = Request {
        method: "POST".into(),
        url: "https://hooks.example.com/hooks/token?a=1".into(),
        headers: vec![("x-a".into(), Bytes::from_static(b"1"))],
        body: Bytes::from_static(br#"{"a":[{"b":1}]}"#),
    };
    let tolerance = Tolerance {
        own: None,
        usual: 0,
        most: u64::MAX,
    };
    if let Ok(signatures) = check.read_head(&request, Time(0), tolerance) {
        let _ = check.verify(&signatures, &[b"secret"], &request);
    }
    let _ = check.sign(b"secret", "msg_1", Time(0), &request);
    let _ = check.repeat(&request);
    if let Some(probe) = check.probe(&request) {
        let _ = probe.answer(&[b"secret"]);
    }
});
