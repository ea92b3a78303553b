//! What a webhook's URL carries and what a request to it must fulfil, as far as that needs neither the store nor a
//! socket. Everything here reads what an outsider wrote, so nothing here allocates without a bound or can panic; the
//! targets in `fuzz/` hold it to that.

mod field;
mod handshake;
mod json;
mod key;
mod methods;
mod place;
mod pointer;
mod reply;
mod signature;
mod token;

pub use dormouse_journal::OtherBody;
pub use handshake::{is_probe_signed, may_be_probe, probe, probe_method};
pub use key::{DeliveryKey, DeliveryKeyKind, InvalidKey, delivery_key, is_key_in_body};
pub use methods::check_methods;
pub use place::{check_place, labels_of, value_at};
pub use reply::check_response;
pub use signature::{
    BadSecret, Claim, Rejected, check_signature, claim, sign, signature_headers, verify,
};
pub use token::{InvalidToken, Token, TokenMaker, TriggerToken};
