//! Records of the store and the journal. Checks that no bytes make decoding panic, and that a decoded value is the same after
//! it was encoded and decoded again.

#![no_main]

use std::fmt::Debug;

use dormouse_journal::{
    Activation, CallOptions, Delivery, Open, Payload, Request, Response, VERSION, WebhookOptions,
    decode, encode,
};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        let again = decode::<T>(&encode(&value));
        // NaN does not equal itself, so the texts that `Debug` makes of the values are compared.
        assert_eq!(format!("{again:?}"), format!("{:?}", Ok::<_, ()>(value)));
    }
}

/// Checks an activation. Unlike other records, it is also read from the version before.
fn check_activation(bytes: &[u8]) {
    if let Ok(activation) = Activation::decode(bytes) {
        let again = Activation::decode(&activation.encode());
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", Ok::<_, ()>(activation))
        );
    }
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (kind, is_known, rest) = input;
    let mut bytes = rest.to_vec();
    if is_known {
        bytes.insert(0, VERSION);
    }
    match kind % 8 {
        0 => {
            if is_known && kind >= 128 {
                bytes[0] = Activation::VERSION;
            }
            check_activation(&bytes);
        }
        1 => check::<CallOptions>(&bytes),
        2 => check::<Delivery>(&bytes),
        3 => check::<Open>(&bytes),
        4 => check::<Payload>(&bytes),
        5 => check::<Request>(&bytes),
        6 => check::<Response>(&bytes),
        _ => check::<WebhookOptions>(&bytes),
    }
});
