//! `code`: components compiled for this machine. A cache: losing it costs time only.
//!
//! Key: version. Row: [`Code`]. The bytes are sealed by the engine under the host's key, and are taken only if the seal
//! fits, since they are native code.

use serde::{Deserialize, Serialize};

use super::Rows;

pub(crate) const TABLE: Rows<[u8; 32], Code> = Rows::new("code");

/// Compiled code, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Code {
    /// As the engine sealed it.
    pub sealed: bytes::Bytes,
}
