//! The checks of requests to webhooks, as far as they need neither the store nor a socket. All code here reads what
//! outsiders wrote, so nothing here allocates without a limit or can panic. The targets in `fuzz/` check that.

mod field;
mod idempotency;
mod key;
mod methods;
mod options;
mod place;
mod pointer;
pub mod provider;
mod rejected;
mod reply;
mod token;

pub use dormouse_journal::OtherBody;
pub use idempotency::{IdempotencyKey, InvalidKey, quoted};
pub use key::{DeliveryKey, DeliveryKeyKind, KEY_PARTS, delivery_key, keys_named};
pub use methods::check_methods;
pub use options::{check_origins, check_signature, find_provider, own_provider, read_tolerance};
pub use place::{check_place, labels_of, value_at};
pub use rejected::{BadSecret, Rejected};
pub use reply::check_response;
pub use token::{InvalidToken, Token, TokenMaker, TriggerToken};
