//! Secrets: which values can be secrets, what a secret may be used for, and how a secret is stored.
//!
//! This crate reads no files, clocks or randomness. A caller that seals a secret passes in the
//! nonce.
//!
//! - [`Secret`] is a value that is never shown and that is erased from memory when it is dropped.
//! - [`Use`] is one thing that one workflow may do with a secret. Everything that no use grants is
//!   denied.
//! - [`SecretKeys`] seal a secret together with its name and its uses, and open it again.

mod keys;
mod name;
mod origin;
mod sealed;
mod secret;
mod uses;

pub use keys::{InvalidKeys, KeyId, SecretKeys};
pub use name::{InvalidName, SecretName};
pub use origin::{InvalidOrigin, Origin};
pub use sealed::{NONCE, OpenError, Sealed};
pub use secret::{InvalidSecret, LONGEST, SHORTEST, Secret};
pub use uses::{InvalidUses, Purpose, Use, check_uses};
