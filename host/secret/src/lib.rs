//! Secrets: what a value must be to be one, what it may be used for, and how it lies on the disk.
//!
//! Nothing here reads a file, a clock or randomness; whoever seals a secret hands the nonce in.
//!
//! - [`Secret`] is a value, which is shown to nobody and leaves memory with its owner.
//! - [`Use`] is one thing that one workflow may do with it; what no use grants is denied.
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
