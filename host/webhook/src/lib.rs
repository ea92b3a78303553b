//! What a webhook's URL carries and what a request to it must fulfil, as far as that needs neither the store nor a
//! socket. Everything here reads what an outsider wrote, so nothing here allocates without a bound or can panic; the
//! targets in `fuzz/` hold it to that.

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
